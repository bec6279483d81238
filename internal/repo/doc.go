// Package repo is the repositories as things with a name, an owner, settings and a page: creating, finding, moving,
// duplicating, deleting and listing them, what their files say of them, how often they are downloaded and who likes them.
//
// It must not know what a commit is made of: package content changes and reads files, and imports this package. What
// repo needs from there (a list of files, copying rights to large files) is handed to it as Hooks. It knows no HTTP:
// answers are Documents, maps that a transport writes as JSON. Permission is authz's decision; repo asks it where a
// rule concerns a second repository or namespace, which no route table can check.
package repo
