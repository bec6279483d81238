package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// Duplicate makes a repository with the files, history and settings of another, whatever their size by copying rows;
// packs that hold what no ref reaches any more are written again without it, and large files that the rest does not name
// are left out. An empty visibility is that of the source.
// A gated source can be duplicated by those who may write to it: a copy would open the gate for others.
func (s *Service) Duplicate(ctx context.Context, actor hub.Actor, src *Repo, to hub.RepoID, v hub.Visibility) (*Repo, error) {
	to.Type = src.Type
	if err := s.mayCopy(ctx, actor, src); err != nil {
		return nil, err
	}
	owner, err := s.mayCreate(ctx, actor, to)
	if err != nil {
		return nil, err
	}
	to.Namespace = owner.Name
	r := s.newRow(actor, to, owner)
	for range copyTries {
		if err = s.duplicate(ctx, actor, src, r, v); !gitstore.HasMoved(err) {
			break
		}
	}
	switch {
	case gitstore.HasMoved(err):
		return nil, errs.New(errs.Unavailable, "%s changes too fast to be duplicated; try again", src.ID())
	case err != nil:
		return nil, taken(err, to)
	}
	return s.Get(ctx, nil, r.RowID)
}

// copyTries bounds how often a copy begins again because the original has changed meanwhile.
const copyTries = 10

func (s *Service) duplicate(ctx context.Context, actor hub.Actor, src, r *Repo, v hub.Visibility) error {
	c, err := s.git.PrepareCopy(ctx, src.RowID, r.RowID)
	if err != nil {
		return err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := byRowID(ctx, tx, src.RowID)
		if err != nil {
			return err
		}
		if now == nil || now.Visibility != src.Visibility || now.Gated != src.Gated || now.OwnerID != src.OwnerID {
			return errs.RepoNotFound() // it is not any more what the actor was let to
		}
		r.Gated, r.NoDiscussions, r.DefaultBranch = now.Gated, now.NoDiscussions, now.DefaultBranch
		r.LFSThreshold, r.LFSSuffixRules = now.LFSThreshold, now.LFSSuffixRules // a copy keeps all versions until it is told otherwise
		if err := s.claim(ctx, tx, r, v, now.Visibility); err != nil {
			return err
		}
		return s.copyInto(ctx, tx, actor, now, r, c)
	})
	if err != nil {
		s.git.Drop(ctx, c)
	}
	return err
}

func (s *Service) mayCopy(ctx context.Context, actor hub.Actor, src *Repo) error {
	if err := s.authz.Repo(ctx, actor, src.Subject(), authz.RepoContent); err != nil {
		return err
	}
	if src.Gated == "" || s.authz.Repo(ctx, actor, src.Subject(), authz.RepoWrite) == nil {
		return nil
	}
	return errs.Coded(errs.Forbidden, errs.CodeGatedRepo, "Access to this repository is restricted: only those who may write to it may duplicate it")
}

func (s *Service) copyInto(ctx context.Context, tx *db.Tx, actor hub.Actor, src, r *Repo, c *gitstore.RepoCopy) error {
	if err := s.git.CopyRepo(ctx, tx, c); err != nil {
		return err
	}
	if err := copyDerived(ctx, tx, src.RowID, r.RowID); err != nil {
		return err
	}
	if err := s.copyLarge(ctx, tx, src.RowID, r.RowID, c); err != nil {
		return err
	}
	return s.record(ctx, tx, "repo.duplicate", actor, r, map[string]any{"from": src.ID().String()})
}

// copyLarge gives the copy the large files that its packs name.
func (s *Service) copyLarge(ctx context.Context, tx *db.Tx, from, to string, c *gitstore.RepoCopy) error {
	if s.hooks.CopyFiles == nil {
		return nil
	}
	return s.hooks.CopyFiles(ctx, tx, from, to, c.Pointers())
}
