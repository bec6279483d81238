package content

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// A branch that exists is not changed at a path that somebody else holds, by whichever door: git-lfs asks before a push, but
// only where it is told to, and other clients do not ask. New branches and tags are free, so that work goes on beside a lock.

// lookup looks a path up in a tree; errs.NotFound if nothing is there.
type lookup func(ctx context.Context, path string) (*git.TreeEntry, error)

// checkLocks refuses a change of a branch from one tree to another at a path that others than the actor hold.
func (s *Service) checkLocks(ctx context.Context, actor hub.Actor, repoID string, from, to lookup) error {
	locks, err := s.locks.Others(ctx, s.db, repoID, actor.UserID)
	if err != nil {
		return err
	}
	for _, l := range locks {
		before, err := idAt(ctx, from, l.Path)
		if err != nil {
			return err
		}
		after, err := idAt(ctx, to, l.Path)
		if err != nil {
			return err
		}
		if before != after {
			return errs.New(errs.Forbidden, "%q is locked by %s. Ask them to unlock it (git lfs unlock); whoever may change the repository's settings can end the lock with --force.", l.Path, l.Owner)
		}
	}
	return nil
}

// checkOverwrite is checkLocks for a branch that exists and is moved to another commit, or to one without files.
func (s *Service) checkOverwrite(ctx context.Context, actor hub.Actor, r *repo.Repo, ref string, empty bool, target hub.OID) error {
	from, err := s.At(ctx, r, ref)
	if err != nil {
		return err
	}
	to := func(_ context.Context, path string) (*git.TreeEntry, error) { return nil, errs.EntryNotFound(path) }
	if !empty {
		c, err := from.Git.Commit(ctx, target)
		if err != nil {
			return err
		}
		to = func(ctx context.Context, path string) (*git.TreeEntry, error) {
			return from.Git.Entry(ctx, c.Tree, path)
		}
	}
	return s.checkLocks(ctx, actor, r.RowID, from.entry, to)
}

func idAt(ctx context.Context, at lookup, path string) (oid hub.OID, err error) {
	e, err := at(ctx, path)
	if isNotFound(err) {
		return oid, nil
	}
	if err != nil {
		return oid, err
	}
	return e.OID, nil
}

// checkLocks refuses the commands that change a branch where others hold a path. Equal changes of several branches are
// looked at once.
func (p *push) checkLocks(ctx context.Context, in *gitstore.Incoming) error {
	type change struct{ from, to hub.OID }
	seen := map[change]error{}
	for i, c := range p.Commands {
		if p.reason[i] != "" || c.Old.IsZero() || c.New.IsZero() || !strings.HasPrefix(c.Name, "refs/heads/") {
			continue
		}
		from, err := treeOf(ctx, in, c.Old)
		if err != nil {
			return err
		}
		to, err := treeOf(ctx, in, c.New)
		if err != nil {
			return err
		}
		verdict, known := seen[change{from, to}]
		if !known && from != to {
			verdict = p.s.checkLocks(ctx, p.actor, p.repo.RowID, entriesOf(in, from), entriesOf(in, to))
			seen[change{from, to}] = verdict
		}
		if verdict != nil && said(verdict) == "" {
			return verdict
		}
		if verdict != nil {
			p.refuse(i, verdict)
		}
	}
	return nil
}

// treeOf is the tree of a branch's commit. An old one that is not there is an empty tree: the ref is elsewhere by now, and
// the command will be refused for that.
func treeOf(ctx context.Context, in *gitstore.Incoming, commit hub.OID) (hub.OID, error) {
	c, err := in.Commit(ctx, commit)
	if isNotFound(err) {
		return git.EmptyTree, nil
	}
	if err != nil {
		return hub.OID{}, err
	}
	return c.Tree, nil
}

func entriesOf(in *gitstore.Incoming, tree hub.OID) lookup {
	return func(ctx context.Context, path string) (*git.TreeEntry, error) {
		if tree == git.EmptyTree {
			return nil, errs.EntryNotFound(path)
		}
		return in.Entry(ctx, tree, path)
	}
}

// edited is a tree after edits, as far as it can be told without writing it: what is not edited is as before.
func (s *Snapshot) edited(edits []gitstore.Edit) lookup {
	byPath := make(map[string]gitstore.Edit, len(edits))
	for _, e := range edits {
		byPath[e.Path] = e
	}
	return func(ctx context.Context, path string) (*git.TreeEntry, error) {
		if e, ok := byPath[path]; ok && !e.Delete {
			return &git.TreeEntry{Mode: e.Mode, OID: e.OID}, nil
		}
		for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '/') {
			switch e, ok := byPath[path[:end]]; {
			case !ok:
			case !e.Delete && e.Mode.IsDir(): // a copy
				return s.Git.Entry(ctx, e.OID, path[end+1:])
			default: // its folder is deleted, or a file now
				return nil, errs.EntryNotFound(path)
			}
		}
		return s.entry(ctx, path)
	}
}
