package gitstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// What a change builds on may have been out of every ref's reach when the change was prepared: content that was there
// once need not be sent again. If the collector takes it away before the change lands, the repository would be broken.
// So git_repo.collect_epoch grows with each collection, who prepares a change knows at which it looked, and what lands
// at another is looked through once more.

// errStale says that objects were collected since what lands was prepared.
var errStale = errors.New("objects were collected meanwhile")

// publishTries bounds how often collections may come between.
const publishTries = 8

// Publish is the one transaction that changes a repository: it adds the packs, moves the refs and does what more adds;
// more may run again. errs.Conflict: a ref is not where it was expected. errs.Unavailable: what the change builds on
// went meanwhile, so it must be prepared again.
func (s *Store) Publish(ctx context.Context, repoID string, packs []*Pack, ups []RefUpdate, more func(tx *db.Tx) error) error {
	for try := 1; ; try++ {
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			if err := s.land(ctx, tx, repoID, packs, ups); err != nil {
				return err
			}
			return more(tx)
		})
		if !errors.Is(err, errStale) {
			return err
		}
		if try == publishTries {
			return errs.New(errs.Unavailable, "The repository is being tidied up. Try again.")
		}
		if err := s.recheck(ctx, repoID, packs, ups); err != nil {
			return err
		}
	}
}

func (s *Store) land(ctx context.Context, tx *db.Tx, repoID string, packs []*Pack, ups []RefUpdate) (err error) {
	now, added := epochs{}, false
	for _, p := range packs {
		if p.cat == nil {
			continue
		}
		if now, err = s.addPack(ctx, tx, repoID, p); err != nil {
			return err
		}
		added = true
	}
	if !added {
		if now, err = s.epochs(ctx, tx, repoID); err != nil {
			return err
		}
	}
	if old := notIn(packs, ups); len(old) > 0 {
		if st, ok := s.states.Get(repoID); !ok || st.collects != now.Collects || !st.missing(old).IsZero() {
			return errStale
		}
	}
	return s.UpdateRefs(ctx, tx, repoID, ups)
}

func (s *Store) epochs(ctx context.Context, q db.Queryer, repoID string) (now epochs, err error) {
	err = q.Get(ctx, &now, `SELECT pack_seq, fold_epoch, collect_epoch FROM git_repo WHERE repo_id = ?`, repoID)
	if db.IsNoRows(err) {
		return now, errs.RepoNotFound()
	}
	return now, errs.Wrap("gitstore.epochs", err)
}

// notIn are the objects that refs are to name and that are not in the packs.
func notIn(packs []*Pack, ups []RefUpdate) (old []hub.OID) {
	for _, up := range ups {
		if !up.New.IsZero() && !inPacks(packs, up.New) {
			old = append(old, up.New)
		}
	}
	return old
}

// missing is the first of the objects that the repository does not have, or zero.
func (st *state) missing(oids []hub.OID) hub.OID {
	for _, oid := range oids {
		if !st.has(oid) {
			return oid
		}
	}
	return hub.OID{}
}

func inPacks(packs []*Pack, oid hub.OID) bool {
	for _, p := range packs {
		if p.cat == nil {
			continue
		}
		if _, ok := p.cat.Find(oid); ok {
			return true
		}
	}
	return false
}

// recheck looks in the repository of now for all that the packs and refs name.
func (s *Store) recheck(ctx context.Context, repoID string, packs []*Pack, ups []RefUpdate) error {
	r, err := s.Open(ctx, repoID)
	if err != nil {
		return err
	}
	st := r.st.Load()
	gone := st.missing(notIn(packs, ups))
	for _, p := range packs {
		if p.cat == nil || p.since == st.collects || !gone.IsZero() {
			continue
		}
		gone, err = s.missingBehind(ctx, st, p, packs)
		if err != nil {
			return errs.Wrap("gitstore.Publish", err)
		}
		p.since = st.collects
	}
	if !gone.IsZero() {
		return errs.New(errs.Unavailable, "The object %s, on which this change builds, is not in the repository any more. Try again.", gone)
	}
	return nil
}

// missingBehind is the first object that one of the pack names and that is nowhere; or zero.
func (s *Store) missingBehind(ctx context.Context, st *state, p *Pack, packs []*Pack) (gone hub.OID, err error) {
	r, done, err := s.readPack(ctx, st.repoID, p)
	if err != nil {
		return gone, err
	}
	defer done()
	err = eachNamed(ctx, r, func(oid hub.OID, _ bool) error {
		if gone.IsZero() && !st.has(oid) && !inPacks(packs, oid) {
			gone = oid
		}
		return nil
	})
	return gone, err
}

// readPack reads a pack that has no row yet.
func (s *Store) readPack(ctx context.Context, repoID string, p *Pack) (r *git.PackReader, done func(), err error) {
	if p.packKey == "" {
		return git.NewPackReader(bytes.NewReader(p.inline), p.cat), func() {}, nil
	}
	f, err := s.files.acquire(ctx, p.row(repoID, 0))
	if err != nil {
		return nil, nil, err
	}
	return f.PackReader, func() { s.files.release(f) }, nil
}

// eachNamed calls fn with each object that the commits, trees and tags of a pack name; blob says that it is one.
func eachNamed(ctx context.Context, r *git.PackReader, fn func(oid hub.OID, blob bool) error) error {
	return r.ByOffset(func(i int) error {
		kind := r.Catalog().Kind(i)
		if kind == git.KindBlob {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		_, data, err := r.Object(i, git.MaxWhole)
		if err != nil {
			return wrapGit(err)
		}
		return named(kind, data, fn)
	})
}

// named calls fn with each object that one names. A submodule's commit is in another repository.
func named(kind git.Kind, data []byte, fn func(oid hub.OID, blob bool) error) error {
	switch kind {
	case git.KindCommit:
		c, err := git.ParseCommit(data)
		if err != nil {
			return wrapGit(err)
		}
		for _, oid := range append([]hub.OID{c.Tree}, c.Parents...) {
			if err := fn(oid, false); err != nil {
				return err
			}
		}
	case git.KindTag:
		t, err := git.ParseTag(data)
		if err != nil {
			return wrapGit(err)
		}
		return fn(t.Object, t.Kind == git.KindBlob)
	case git.KindTree:
		t, err := git.ParseTree(data)
		if err != nil {
			return wrapGit(err)
		}
		for i := range t.Len() {
			e := t.At(i)
			if !e.Mode.IsDir() && !e.Mode.IsBlob() {
				continue
			}
			if err := fn(e.OID, e.Mode.IsBlob()); err != nil {
				return err
			}
		}
	}
	return nil
}
