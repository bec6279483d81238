package xetstore

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/xet"
)

// Scope is on whose behalf something is asked: what a user sent, and what they may read, counts as known.
type Scope struct {
	UserID string   // empty: nobody
	RepoID string   // the repository that the request is about, which the caller was found to have a right to
	Owners []string // whose private repositories the user may read
	All    bool     // every repository
}

// visibleTest is the condition that a xorb is known to a scope: the user has sent its bytes, or may read a repository
// that is made of it. xorb is a column. Gated and disabled repositories are not for everybody, so that being public
// alone does not make their xorbs known.
func (sc Scope) visibleTest(xorb string) (condition string, args []any) {
	if sc.All {
		return "1 = 1", nil
	}
	var b strings.Builder
	b.WriteString("(EXISTS (SELECT 1 FROM xet_xorb_upload u WHERE u.xorb = " + xorb + " AND u.user_id = ? AND u.user_id <> '')" +
		" OR EXISTS (SELECT 1 FROM xet_repo_xorb m JOIN repo r ON r.id = m.repo_id WHERE m.xorb = " + xorb +
		" AND (r.id = ? OR (r.visibility = 'public' AND r.gated = '' AND NOT r.disabled)")
	args = append(args, sc.UserID, sc.RepoID)
	if len(sc.Owners) > 0 {
		b.WriteString(" OR (r.owner_id IN (?) AND NOT r.disabled)")
		args = append(args, sc.Owners)
	}
	b.WriteString(")))")
	return b.String(), args
}

// visible returns which of the xorbs are known to the scope. What exists and is not known is left out like what does
// not exist.
func (s *Store) visible(ctx context.Context, q db.Queryer, sc Scope, xorbs []xet.Hash) (map[xet.Hash]bool, error) {
	found := make(map[xet.Hash]bool, len(xorbs))
	test, args := sc.visibleTest("x.hash")
	err := inBatches(xorbs, func(keys [][]byte) error {
		query, all, err := db.In("SELECT x.hash FROM xet_xorb x WHERE x.hash IN (?) AND "+test, append([]any{keys}, args...)...)
		if err != nil {
			return err
		}
		var rows [][]byte
		if err := q.Select(ctx, &rows, query, all...); err != nil {
			return err
		}
		for _, r := range rows {
			found[xet.Hash(r)] = true
		}
		return nil
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
