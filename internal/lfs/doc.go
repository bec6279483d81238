// Package lfs is the vocabulary of Git LFS's batch API: requests, answers and the bounds on them. It knows no HTTP, no
// storage and no rights. Pointer files are git's matter: see package git.
//
// Source: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, and for the transfer "xet" what the Hub's
// clients expect.
package lfs
