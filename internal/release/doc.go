// Package release gives up old versions of large files where a repository keeps only some (lfs_keep_versions): its right
// to them ends as if they had been deleted, and their bytes are collected when no repository has them.
//
// Of each path the newest versions stay, as many as the setting says. Never given up is what the tip of a branch, tag or
// pull request names, what is among the newest of another path, what no commit has named yet, and what was not known to
// be superfluous for the length of the grace period. What other repositories have is theirs.
//
// It must not know how files are stored or served: xetstore takes the right away, gitstore walks the history.
//
// It gives up, too, what no commit names: large files that were sent and never committed, and those that only history named
// which is collected by now (Lost).
//
// Tables: release_candidate, release_scan, release_lost, release_lost_scan. quota_repo and git_repo are only read, to see which
// repositories have changed.
package release
