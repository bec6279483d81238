package app

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/repo"
)

// ownerRules tells the repositories what their owner has decided for all of them.
func ownerRules(ctx context.Context, q db.Queryer, ownerID string) (repo.OwnerRules, error) {
	v, private, err := org.Rules(ctx, q, ownerID)
	return repo.OwnerRules{DefaultVisibility: v, ForcePrivate: private}, err
}

// mayCreateOrgs is what the hub's administrators have decided.
func (a *App) mayCreateOrgs(ctx context.Context) (bool, error) {
	v, err := a.site.Get(ctx)
	return v.CreateOrgs, err
}

// reposAtOnce is how many repositories are named at a time when all of an owner are to go.
const reposAtOnce = 100

// emptyOwner deletes the repositories of an owner, each in a transaction of its own, so that the hub goes on working
// meanwhile. What somebody else deletes or moves at the same time is no failure, but a round in which nothing goes is:
// the proof of who asks may open less than its user may.
func (a *App) emptyOwner(ctx context.Context, by hub.Actor, ownerID string) error {
	for {
		ids, err := a.repos.OwnedBy(ctx, ownerID, reposAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		gone := 0
		for _, id := range ids {
			switch err := a.repos.Delete(ctx, by, id); {
			case err == nil:
				gone++
			case !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Conflict):
				return err
			}
		}
		if gone == 0 {
			return errs.New(errs.Forbidden, "You cannot delete all repositories of the organization, such as %s: use a proof that may", ids[0])
		}
	}
}

// Repos are the repositories of the hub.
func (a *App) Repos() *repo.Service { return a.repos }
