package gitstore

import (
	"context"
	"errors"
	"iter"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// RepoCopy is a copy of a repository that is about to be made. The two name the same blobs, which never change; only
// packs that hold what no ref reaches are written again: who may read a repository may copy it, and whoever owns a copy
// could otherwise bring back from it what was squashed, deleted or forced away in the original.
type RepoCopy struct {
	from, to string
	drops    []dropped // of the original when it was looked at
	view     *state    // its packs
	upTo     int64     // the number of the last pack that is copied
	m        *marking  // nil: all packs are copied as they are
	victims  []*pack
	pack     *Pack // what is live of the victims
}

// PrepareCopy looks at a repository that is to be copied and writes what must be written.
func (s *Store) PrepareCopy(ctx context.Context, fromID, toID string) (*RepoCopy, error) {
	c := &RepoCopy{from: fromID, to: toID, pack: &Pack{}}
	err := c.prepare(ctx, s)
	return c, errs.Wrap("gitstore.PrepareCopy", err)
}

func (c *RepoCopy) prepare(ctx context.Context, s *Store) error {
	r, err := s.Open(ctx, c.from)
	if err != nil {
		return err
	}
	c.view = r.st.Load()
	if c.drops, err = s.dropped(ctx, s.db, c.from); err != nil || len(c.drops) == 0 {
		return err
	}
	oids := make([]hub.OID, len(c.drops))
	for i, d := range c.drops {
		oids[i] = d.oid
	}
	if loose, err := s.anyLoose(ctx, c.from, oids); err != nil || !loose {
		return err
	}
	refs, err := s.Refs(ctx, s.db, c.from, "refs/")
	if err != nil {
		return err
	}
	var roots []hub.OID
	for _, ref := range refs {
		roots = append(roots, ref.OID)
	}
	if c.m, err = s.mark(ctx, c.from, roots); err != nil {
		return err
	}
	c.view = c.m.walk.st
	if c.victims, _ = c.m.victims(); len(c.victims) > 0 {
		c.pack, err = s.copyLive(ctx, c.to, c.m, c.victims)
	}
	return err
}

// Drop frees what was written for a copy that was not made.
func (s *Store) Drop(ctx context.Context, c *RepoCopy) { s.dropPack(ctx, c.pack) }

// HasMoved reports that CopyRepo failed because the original has changed since it was looked at: prepare again.
func HasMoved(err error) bool {
	return errors.Is(err, errMoved) || errors.Is(err, errFoldRace) || errors.Is(err, errPackGone)
}

// CopyRepo makes the copy, by rows.
func (s *Store) CopyRepo(ctx context.Context, tx *db.Tx, c *RepoCopy) error {
	if err := c.still(ctx, s, tx); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, c.from, c.to); err != nil {
		return errs.Wrap("gitstore.CopyRepo", err)
	}
	if len(c.victims) > 0 {
		by := epochs{}
		if c.pack.cat != nil {
			by.Seq = 1
		}
		if err := s.replacePacks(ctx, tx, c.to, c.victims, c.pack, by); err != nil {
			return err
		}
	}
	bytes, err := s.Usage(ctx, tx, c.to)
	if err == nil {
		s.grow(ctx, tx, c.to, bytes, false)
	}
	return err
}

// still says errMoved when the original is not as it was when it was looked at.
func (c *RepoCopy) still(ctx context.Context, s *Store, tx *db.Tx) error {
	drops, err := s.dropped(ctx, tx, c.from)
	if err != nil {
		return err
	}
	if len(drops) != len(c.drops) {
		return errMoved
	}
	for i := range drops {
		if drops[i] != c.drops[i] {
			return errMoved
		}
	}
	if c.m == nil {
		return c.seen(ctx, s, tx)
	}
	if err := c.m.still(ctx, s, tx); err != nil {
		return err
	}
	c.upTo = c.m.at.Seq
	refs, err := s.Refs(ctx, tx, c.from, "refs/")
	for _, ref := range refs {
		if !c.m.roots[ref.OID] {
			return errMoved
		}
	}
	return err
}

// seen says errMoved when packs came of which the view does not know, and errFoldRace when they were folded. Those that
// were committed on this node meanwhile it knows, and they are copied, too.
func (c *RepoCopy) seen(ctx context.Context, s *Store, tx *db.Tx) error {
	now, err := s.epochs(ctx, tx, c.from)
	if err != nil {
		return err
	}
	if now.Folds != c.view.epoch {
		return errFoldRace
	}
	if _, seq := c.view.upTo(); seq < now.Seq {
		return errMoved
	}
	c.upTo = now.Seq
	return nil
}

// Pointers are the large files that the packs of a copy name, some more than once. It serves after CopyRepo, within its
// transaction. Other files of the original are none of the copy's: no ref of either reaches what names them, if any does.
func (c *RepoCopy) Pointers() iter.Seq[hub.SHA256] {
	return func(yield func(hub.SHA256) bool) {
		for _, p := range c.view.all() {
			if p.seq > c.upTo {
				continue
			}
			for i := range p.cat.Len() {
				ptr := p.cat.Pointer(i)
				if ptr == nil || c.m != nil && !c.m.live(p.cat.OID(i)) {
					continue
				}
				if !yield(ptr.SHA256) {
					return
				}
			}
		}
	}
}

func copyRows(ctx context.Context, tx *db.Tx, fromID, toID string) error {
	n, err := tx.Exec(ctx, `INSERT INTO git_repo (repo_id, pack_seq, fold_epoch)
		SELECT CAST(? AS TEXT), pack_seq, fold_epoch FROM git_repo WHERE repo_id = ?`, toID, fromID)
	if db.IsUnique(err) {
		return errs.New(errs.Conflict, "Repository %s exists", toID)
	}
	if err == nil && n == 0 {
		return errs.RepoNotFound()
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO git_ref (repo_id, name, oid, updated_at)
			SELECT CAST(? AS TEXT), name, oid, updated_at FROM git_ref WHERE repo_id = ?`, toID, fromID)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO git_pack
			(repo_id, seq, hash, objects, size, pack_key, index_key, pack, idx, created_at)
			SELECT CAST(? AS TEXT), seq, hash, objects, size, pack_key, index_key, pack, idx, created_at
			FROM git_pack WHERE repo_id = ?`, toID, fromID)
	}
	return err
}
