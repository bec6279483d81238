// Package content is what is in a repository: reading files and history at a revision, and changing them by commits.
//
// It holds the rules that every door obeys (hubapi's commit, git push, the web): which names a file may have, what must
// be a large file, that a large file's bytes are proved, that a card is valid, who moves a ref from where. It knows no
// HTTP. The immutable bytes go to gitstore and xetstore first; one transaction then makes them visible.
package content
