// Package git reads and writes git's own formats: objects (blob, tree, commit, tag), LFS pointers, packs with deltas,
// and Cairn's catalog of a pack, from which git's .idx can be made.
//
// It works on bytes, io.Reader and io.ReaderAt. It must not know repositories, users, SQL, HTTP or where bytes are
// kept; package gitstore does that. Everything here may be fed by a hostile client: each parser checks the counts,
// sizes and offsets that its input states before it allocates for them, and says ErrMalformed or ErrLimit.
//
// Sources: gitformat-pack(5), gitformat-index(5), git-commit-tree(1), git-mktag(1), git-fsck(1), and the Git LFS
// pointer specification.
package git
