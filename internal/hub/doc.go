// Package hub is the vocabulary that every layer shares: repository ids, object ids, revisions, paths, roles, actors.
// It depends on the standard library alone and holds no behaviour beyond parsing and printing its words.
package hub
