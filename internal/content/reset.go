package content

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Reset moves a branch to a revision, forward, back or aside. What no ref reaches after it is gone for readers. The
// branch must be where it was when the call began, or where the caller says that it is: a commit that came meanwhile is
// not thrown away.
func (s *Service) Reset(ctx context.Context, actor hub.Actor, r *repo.Repo, m Move, to string) (*Moved, error) {
	if to == "" {
		return nil, errs.New(errs.Invalid, `"to" must name the branch, tag or commit that the branch is set to.`)
	}
	return s.move(ctx, actor, r, m, "repo.reset", func(ctx context.Context, a *attempt) error {
		snap, err := a.source(ctx, to)
		if err != nil {
			return err
		}
		a.status, a.commit, a.tree = MoveReset, snap.Commit, snap.Tree
		if a.commit == a.base.Commit {
			a.stay()
		}
		return nil
	})
}
