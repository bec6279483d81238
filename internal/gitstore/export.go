package gitstore

import (
	"context"
	"io"

	"github.com/cairnhub/cairn/internal/git"
)

// StoredPack is one pack of a repository, for copying it to where git can use it.
type StoredPack struct {
	s  *Store
	st *state
	p  *pack
}

// Packs are the packs that the view knows: together they hold every object of the repository.
func (r *Repo) Packs() []StoredPack {
	st := r.st.Load()
	packs := st.all()
	out := make([]StoredPack, len(packs))
	for i, p := range packs {
		out[i] = StoredPack{r.s, st, p}
	}
	return out
}

// Export is the packs of a repository as it is now.
func (s *Store) Export(ctx context.Context, repoID string) ([]StoredPack, error) {
	r, err := s.Open(ctx, repoID)
	if err != nil {
		return nil, err
	}
	return r.Packs(), nil
}

// Name is the pack's file name without extension, as git names packs.
func (p StoredPack) Name() string { return "pack-" + p.p.cat.PackHash().String() }

// Seq is the pack's number in the repository.
func (p StoredPack) Seq() int64 { return p.p.seq }

// Size is the bytes of the pack.
func (p StoredPack) Size() int64 { return p.p.size }

// Catalog lists the pack's objects and makes its .idx.
func (p StoredPack) Catalog() *git.Catalog { return p.p.cat }

// WriteTo writes the pack. An error after a fold says that the pack is gone: export again.
func (p StoredPack) WriteTo(ctx context.Context, w io.Writer) error {
	r, done, err := p.s.borrow(ctx, p.st, p.p)
	if err != nil {
		return err
	}
	defer done()
	return r.WritePack(w)
}
