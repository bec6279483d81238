package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// rewrite writes the pack again, object by object. What no copy of it holds is looked for in all other packs.
func (m *packMend) rewrite(ctx context.Context) (MendedPack, error) {
	if err := m.findCatalog(ctx); err != nil || m.cat == nil {
		return MendedPack{}, err
	}
	w := m.s.NewPack(ctx, m.p.RepoID)
	defer w.Abort()
	if w.err != nil {
		return MendedPack{}, w.err
	}
	readers := make([]*git.PackReader, len(m.copies))
	for i, c := range m.copies {
		readers[i] = git.NewPackReader(c.file, m.cat)
	}
	missing := map[hub.OID]bool{}
	err := git.NewPackReader(bytes.NewReader(nil), m.cat).ByOffset(func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, r := range readers {
			if ok, err := copied(w.w, r, i, foldDepth); ok || err != nil {
				return err
			}
		}
		missing[m.cat.OID(i)] = true
		return nil
	})
	if err == nil && len(missing) > 0 {
		err = m.searchObjects(ctx, w.w, missing)
	}
	if err == nil && len(missing) > 0 {
		err = m.again(ctx, w.w, readers, missing)
	}
	if err != nil {
		return MendedPack{}, err
	}
	out := MendedPack{How: FromOthers}
	for i := range m.cat.Len() {
		if oid := m.cat.OID(i); missing[oid] {
			out.Lost = append(out.Lost, oid)
		}
	}
	if len(out.Lost) > 0 {
		out.How, out.GaveUp = "", m.o.GiveUp
	}
	if m.o.Dry || len(out.Lost) > 0 && !m.o.GiveUp {
		return out, nil
	}
	return out, m.swap(ctx, w, out.Lost)
}

// copied reports whether an object was added from a copy of the pack. It was not if the copy's bytes are damaged. Every other
// failure is an error, that of the new pack's spool above all: it says nothing of the object.
//
// ErrLimit is damage here: what has so large objects in its chain of deltas is not taken when it is pushed, and a base that
// is there is not made again, but for chains longer than any that is read.
func copied(w *git.PackWriter, r *git.PackReader, i, depth int) (bool, error) {
	err := w.Copy(r, i, depth)
	switch {
	case err == nil:
		return true, nil
	case w.Err() != nil:
		return false, w.Err()
	case blamesCopy(err), errors.Is(err, git.ErrLimit):
		return false, nil
	}
	return false, err
}

// deepest is the longest chain of deltas that is read: a delta whose base is there is then copied as it is.
const deepest = 4096

// again tries objects whose delta's base was found elsewhere, as long as that helps.
func (m *packMend) again(ctx context.Context, w *git.PackWriter, readers []*git.PackReader, missing map[hub.OID]bool) error {
	for n := -1; n != len(missing); {
		n = len(missing)
		for oid := range missing {
			if err := ctx.Err(); err != nil {
				return err
			}
			i, ok := m.cat.Find(oid)
			for k := 0; ok && k < len(readers) && missing[oid]; k++ {
				done, err := copied(w, readers[k], i, deepest)
				if err != nil {
					return err
				}
				if done {
					delete(missing, oid)
				}
			}
		}
	}
	return nil
}

// findCatalog gets the pack's catalog from wherever there is a whole one.
func (m *packMend) findCatalog(ctx context.Context) error {
	cat, err := m.s.verifyCatalog(ctx, &m.p, m.rowIdx)
	if err == nil {
		m.cat = cat
		return nil
	}
	if !blamesCopy(err) {
		return err
	}
	if m.p.IndexKey == "" {
		return nil
	}
	for _, r := range m.o.Replicas {
		rc, err := r.Open(ctx, m.p.IndexKey, 0, -1)
		if err == nil {
			var b []byte
			b, err = io.ReadAll(io.LimitReader(rc, maxCatalog+1))
			_ = rc.Close()
			if err == nil {
				cat, err = git.ParseCatalog(b)
			}
		}
		switch {
		case err == nil && cat.PackHash().String() == m.p.Hash:
			m.cat = cat
			return nil
		case err != nil && !blamesCopy(err):
			return err
		}
	}
	return nil
}

// searchObjects looks through the catalogs of all packs for objects and adds those that it finds.
func (m *packMend) searchObjects(ctx context.Context, w *git.PackWriter, missing map[hub.OID]bool) error {
	repo, seq := "", int64(-1)
	for {
		page, err := m.s.Packs(ctx, repo, seq, searchPage)
		if err != nil {
			return err
		}
		for i := range page {
			if page[i].RepoID == m.p.RepoID && page[i].Seq == m.p.Seq || page[i].PackKey != "" && page[i].PackKey == m.p.PackKey {
				continue
			}
			if err := m.searchPack(ctx, &page[i], w, missing); err != nil || len(missing) == 0 {
				return err
			}
		}
		if len(page) < searchPage {
			return nil
		}
		repo, seq = page[len(page)-1].RepoID, page[len(page)-1].Seq
	}
}

const searchPage = 500

func (m *packMend) searchPack(ctx context.Context, p *PackInfo, w *git.PackWriter, missing map[hub.OID]bool) error {
	b, idx, err := m.s.rowBytes(ctx, p)
	if err == nil {
		var cat *git.Catalog
		if cat, err = m.s.verifyCatalog(ctx, p, idx); err == nil {
			return m.takeFrom(ctx, p, b, cat, w, missing)
		}
	}
	if errs.Is(err, errs.NotFound) || blamesCopy(err) {
		return nil // it holds nothing for us
	}
	return err
}

// takeFrom adds what a pack has of the objects. A pack that is damaged, too, is passed over; one that could not be read just
// then ends the search, since an object must not be called lost for that.
func (m *packMend) takeFrom(ctx context.Context, p *PackInfo, b []byte, cat *git.Catalog, w *git.PackWriter, missing map[hub.OID]bool) error {
	var found []int
	for oid := range missing {
		if i, ok := cat.Find(oid); ok {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil
	}
	r := git.NewPackReader(bytes.NewReader(b), cat)
	if p.PackKey != "" {
		f, err := m.s.files.acquire(ctx, &pack{repoID: p.RepoID, seq: p.Seq, size: p.Size, packKey: p.PackKey, indexKey: p.IndexKey, cat: cat})
		if err != nil {
			return passOver(ctx, err)
		}
		defer m.s.files.release(f)
		r = f.PackReader
	}
	for _, i := range found {
		err := addObject(w, r, i)
		switch {
		case err == nil:
			delete(missing, cat.OID(i))
		case w.Err() != nil:
			return w.Err()
		case errors.Is(err, git.ErrLimit) && p.PackKey == "" && verifySum(cat, bytes.NewReader(b)) != nil: // it has a size that is none
		default:
			if err := passOver(ctx, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// addObject adds an object of another pack, which is hashed as it is read. What is packed whole may have any size.
func addObject(w *git.PackWriter, r *git.PackReader, i int) error {
	if o := r.Catalog().At(i); !o.Delta && o.Size > streamFrom {
		in, err := r.Stream(i, git.MaxWhole)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = w.AddStream(o.Kind, o.Size, in, nil)
		return err
	}
	kind, data, err := r.Object(i, git.MaxWhole)
	if err != nil {
		return err
	}
	return w.Add(kind, r.Catalog().OID(i), data)
}

// passOver is nil for damage of a pack that was only looked at.
func passOver(ctx context.Context, err error) error {
	if ctx.Err() == nil && blamesCopy(err) {
		return nil
	}
	return err
}

// swap puts the new pack into the place of the old one, whose blob is freed in its time, once it has been read back whole from
// where it is kept. A pack that was folded or collected meanwhile is not there any more: what took its place was read from
// sound bytes.
func (m *packMend) swap(ctx context.Context, w *PackWriter, lost []hub.OID) error {
	p, err := w.Finish(ctx)
	if err != nil {
		return err
	}
	if err := m.s.verifyNew(ctx, p); err != nil {
		m.s.dropPack(ctx, p)
		return fmt.Errorf("the pack that was to take the place of %s is not whole: %w", m.p.Key(), err)
	}
	old := []*pack{{repoID: m.p.RepoID, seq: m.p.Seq, size: m.p.Size, packKey: m.p.PackKey, indexKey: m.p.IndexKey}}
	err = m.s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := m.s.swapPacks(ctx, tx, m.p.RepoID, old, p, epochs{Seq: 1, Folds: 1}); err != nil {
			return err
		}
		return noteLost(ctx, tx, m.p.RepoID, lost)
	})
	if err != nil {
		m.s.dropPack(ctx, p)
	}
	if errors.Is(err, errFoldRace) {
		return nil
	}
	return err
}

// verifyNew reads a pack that has no row yet, each of its objects.
func (s *Store) verifyNew(ctx context.Context, p *Pack) error {
	if p.cat == nil {
		return nil
	}
	info := &PackInfo{Hash: p.cat.PackHash().String(), Objects: p.cat.Len(), Size: p.cat.PackSize(), PackKey: p.packKey, IndexKey: p.indexKey}
	if err := s.packPresent(ctx, info, p.inline, p.cat.Bytes()); err != nil {
		return err
	}
	cat, err := s.verifyCatalog(ctx, info, p.cat.Bytes())
	if err != nil {
		return err
	}
	return s.verifyBytes(ctx, info, p.inline, cat, blob.Objects)
}

// noteLost remembers which objects were given up.
func noteLost(ctx context.Context, tx *db.Tx, repoID string, lost []hub.OID) error {
	for _, oid := range lost {
		if _, err := tx.Exec(ctx, `INSERT INTO git_lost (repo_id, oid, lost_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, repoID, oid.String(), now(tx)); err != nil {
			return err
		}
	}
	return nil
}

// absent is the answer for an object that a repository does not have: that it was lost, if it was.
func (s *Store) absent(ctx context.Context, repoID string, oid hub.OID) error {
	var n int
	if err := s.db.Get(ctx, &n, `SELECT COUNT(*) FROM git_lost WHERE repo_id = ? AND oid = ?`, repoID, oid.String()); err != nil {
		return errs.Wrap("gitstore.absent", err)
	}
	if n == 0 {
		return notFound(oid)
	}
	return errs.New(errs.Gone, "The stored bytes of the git object %s were damaged and could not be restored. Commit or push its content again from a copy.", oid)
}
