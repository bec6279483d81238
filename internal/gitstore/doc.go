// Package gitstore keeps git repositories: packs in blob storage (small ones in their row), the list of packs and the
// refs in the database, and caches of both on the node. Reading and committing need no git process; only clones, fetches
// and pushed packs go through the git binary, on warm copies and in quarantine folders that may be deleted at any time.
//
// # How it holds together
//
//   - A pack never changes. A commit writes one pack of whole objects, and becomes visible when one transaction inserts
//     its row and moves a ref by compare-and-swap (Publish).
//   - git_repo.pack_seq numbers packs, so a cached list knows what it lacks; fold_epoch grows when packs were folded
//     into larger ones, so a cached list knows that rows are gone. One read of that row makes a view of a repository
//     (Open); callers that join it into their own query use OpenAt.
//   - Objects of small packs are found in one map per repository, those of large packs by binary search in their
//     catalogs. Folding keeps the number of packs logarithmic, so a lookup does not grow with the number of commits.
//   - A view outlives a fold: bytes that it remembers stay valid, and when a row is gone it looks the object up again.
//   - What no ref reaches any more goes after a grace period: Collect writes the packs that hold it again without it.
//     collect_epoch grows with each, so that a change that builds on what is gone does not land (Publish).
//   - Caches are keyed by repository and object: knowing an id never reveals another repository's object.
//
// Tables: all that begin with git_. repo_deleted is only read, so that upkeep leaves deleted repositories as they are.
//
// It must not know users, rights, file rules, LFS storage or HTTP. Blobs that no row names any more are freed by FreeBlobs
// alone, which must be called with a time further back than the longest request (git/ is the prefix of all
// keys).
package gitstore
