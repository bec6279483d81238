// Package xetstore is the hub's one store of large files: xorbs as blobs, what is known of them as rows. It verifies
// what clients upload, chunks what arrives as plain bytes, streams files back, plans reconstructions and answers
// deduplication queries.
//
// It must not know HTTP, nor the rules of repositories: callers tell it a [Scope], which says whose bytes may be taken
// for known. A hash is no capability here: a file is found through a repository that has it, and a xorb counts only for
// those who sent it or may read a repository that is made of it. An answer about what the scope does not reach is
// the answer about what does not exist.
//
// Blobs: "xorbs/ab/cd/<hash>" is a body and its index as trailer, never changed. A blob comes before its row, so a crash leaves a
// blob that no row knows, which a collector may remove by age. "discard/<id>" is a duplicate on its way out (see PutXorb).
//
// Tables: all that begin with xet_. The table repo is only read, within the visibility test of a scope and to find an owner's repositories.
package xetstore
