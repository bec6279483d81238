// Package quota knows how many bytes repositories and their owners store, and how many they may.
//
// A repository takes the sum of its distinct large files and of its git packs; an owner takes the sum of what their
// repositories take, private and public ones apart. Every change of that is told to the transaction that makes it
// (Grow, Place, Drop), which settles it as its last step: it adds to the repository's row, then to the owners' rows in
// the order of their ids, and fails when that goes over a quota. So no race overshoots, and what is refused is not
// counted. Room is the same question asked early, before bytes are sent.
//
// A repository that it was not told of, since an older version of the hub made it, it counts when it first meets it.
//
// It must not know what is stored or how it is deduplicated: others tell it bytes. What others store makes no
// difference to what an owner is charged, so that nobody learns from a quota who else has the same bytes.
//
// Tables: quota_repo, quota_owner.
package quota
