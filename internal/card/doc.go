// Package card understands README.md as a repository's card: the YAML front matter with its licence, languages, base
// models and the rest, its validation with the messages that clients show before a commit, and the tags, pipeline and
// library that follow from it and from the list of files.
//
// It works on bytes and names that it is handed. It must not know stores, revisions, users or HTTP. Cards come from
// anyone: the front matter is bounded in size, items, nesting and alias expansion before its tree is built.
package card
