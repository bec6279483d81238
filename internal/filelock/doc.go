// Package filelock is the locks that people take on files which cannot be merged, so that others see that somebody works on
// them. It owns the table lfs_lock.
//
// A lock holds one path of a repository, on all branches, for one user; there need not be a file. Locks are found by their
// repository and id together: an id alone opens nothing. Who may lock and who may look is authz's business; the package must
// not know HTTP or git.
package filelock
