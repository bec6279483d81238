package gitstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
)

// errPackGone says that a pack's row is not there any more: it was folded into another.
var errPackGone = errors.New("pack was folded")

// prefetch is about how many bytes of neighbouring packs are read along with one that lives in its row: whoever reads
// one commit of a history will read the next.
const prefetch = 1 << 20

// borrow is a reader of a pack's objects; the caller calls done.
func (s *Store) borrow(ctx context.Context, st *state, p *pack) (r *git.PackReader, done func(), err error) {
	if p.packKey == "" {
		r, err = s.inlinePack(ctx, st, p)
		return r, func() {}, err
	}
	f, err := s.files.acquire(ctx, p)
	if errs.Is(err, errs.NotFound) {
		return nil, nil, errPackGone
	}
	if err != nil {
		return nil, nil, err
	}
	return f.PackReader, func() { s.files.release(f) }, nil
}

func (s *Store) inlinePack(ctx context.Context, st *state, p *pack) (*git.PackReader, error) {
	if r, ok := s.inline.Get(packKey{p.repoID, p.seq}); ok {
		return r, nil
	}
	lo, hi, near := neighbours(st.all(), p)
	var rows []struct {
		Seq  int64  `db:"seq"`
		Pack []byte `db:"pack"`
	}
	err := s.db.Select(ctx, &rows, `SELECT seq, pack FROM git_pack
		WHERE repo_id = ? AND seq >= ? AND seq <= ? AND pack_key = ''`, p.repoID, lo, hi)
	if err != nil {
		return nil, err
	}
	var found *git.PackReader
	for _, row := range rows {
		q := near[row.Seq]
		if q == nil {
			continue
		}
		r := git.NewPackReader(bytes.NewReader(row.Pack), q.cat).Unchecked()
		s.inline.Put(packKey{q.repoID, q.seq}, r, int64(len(row.Pack)))
		if q == p {
			found = r
		}
	}
	if found == nil {
		return nil, errPackGone
	}
	return found, nil
}

// neighbours is a range of row packs around p, of about prefetch bytes.
func neighbours(packs []*pack, p *pack) (lo, hi int64, near map[int64]*pack) {
	at := 0
	for i, q := range packs {
		if q == p {
			at = i
		}
	}
	near = map[int64]*pack{p.seq: p}
	total := p.size
	from, to := at, at
	for grew := true; grew; {
		grew = false
		for _, i := range [2]int{from - 1, to + 1} {
			if i < 0 || i >= len(packs) || packs[i].packKey != "" || total+packs[i].size > prefetch {
				continue
			}
			grew = true
			total += packs[i].size
			near[packs[i].seq] = packs[i]
			from, to = min(from, i), max(to, i)
		}
	}
	return packs[from].seq, packs[to].seq, near
}
