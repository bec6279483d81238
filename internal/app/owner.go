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
// meanwhile.
func (a *App) emptyOwner(ctx context.Context, by hub.Actor, ownerID string) error {
	for {
		ids, err := a.repos.OwnedBy(ctx, ownerID, reposAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			// Somebody else may have deleted or moved it in the meantime.
			if err := a.repos.Delete(ctx, by, id); err != nil && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Conflict) {
				return err
			}
		}
	}
}

// Repos are the repositories of the hub.
func (a *App) Repos() *repo.Service { return a.repos }
