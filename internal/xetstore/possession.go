package xetstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Scope is on whose behalf something is asked: what a user sent, and what they may read, counts as known.
type Scope struct {
	UserID string   // empty: nobody
	RepoID string   // the repository that the request is about, which the caller was found to have a right to
	Owners []string // whose private repositories the user may read
	All    bool     // every repository
	Bound  bool     // the proof opens RepoID alone: what the user sent by another does not count
}

// senders are those in whose names the scope sends xorbs, first the one whose xorbs it knows. A proof that opens one
// repository sends in a name of its own, since its user sends to others too; what it sends, its user has had as well.
func (sc Scope) senders() []string {
	if sc.Bound {
		return []string{sc.UserID + "@" + sc.RepoID, sc.UserID}
	}
	return []string{sc.UserID}
}

// visible returns which of the xorbs are known to the scope. What exists and is not known is left out like what does
// not exist.
func (s *Store) visible(ctx context.Context, q db.Queryer, sc Scope, xorbs []xet.Hash) (map[xet.Hash]bool, error) {
	found := make(map[xet.Hash]bool, len(xorbs))
	err := inBatches(xorbs, func(keys [][]byte) error {
		rows, err := selectVisible(ctx, q, sc, keys)
		for _, r := range rows {
			found[xet.Hash(r)] = true
		}
		return err
	})
	return found, err
}

// batchSizes keep the number of different statements small: a list is filled up by repeating its last element.
var batchSizes = []int{1, 8, 64, 256}

// inBatches calls f with the hashes as parameters, a bounded number at a time.
func inBatches[H ~[32]byte](hashes []H, f func(keys [][]byte) error) error {
	most := batchSizes[len(batchSizes)-1]
	for len(hashes) > 0 {
		n := min(len(hashes), most)
		size := most
		for i := len(batchSizes) - 1; i >= 0 && batchSizes[i] >= n; i-- {
			size = batchSizes[i]
		}
		keys := make([][]byte, size)
		for i := range keys {
			h := hashes[min(i, n-1)]
			keys[i] = h[:]
		}
		if err := f(keys); err != nil {
			return err
		}
		hashes = hashes[n:]
	}
	return nil
}
