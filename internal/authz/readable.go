package authz

import (
	"context"
	"slices"

	"github.com/cairnhub/cairn/internal/hub"
)

// Readable says whose private repositories an actor may read. Listings are bounded by it.
type Readable struct {
	All    bool     // everybody's
	Owners []string // all of theirs
	// A fine-grained token may be for single repositories: those in Repos, as long as somebody in Within owns them.
	Repos, Within []string
}

// Has reports whether the private repository is among them.
func (r Readable) Has(s Subject) bool {
	return r.All || slices.Contains(r.Owners, s.OwnerID) || slices.Contains(r.Repos, s.RepoID) && slices.Contains(r.Within, s.OwnerID)
}

// Readable is what the actor may list.
func (a *Authorizer) Readable(ctx context.Context, actor hub.Actor) (Readable, error) {
	if actor.Anonymous() || actor.RepoID != "" {
		return Readable{}, nil
	}
	if siteAdminProof(actor) {
		return Readable{All: true}, nil
	}
	owners, err := a.ownersOf(ctx, actor)
	if err != nil || actor.Scopes == nil {
		return Readable{Owners: owners}, err
	}
	r := Readable{Within: owners}
	for _, sc := range actor.Scopes.Scoped {
		switch {
		case !slices.Contains(sc.Permissions, hub.PermRepoRead) && !slices.Contains(sc.Permissions, hub.PermRepoWrite):
		case sc.Type != hub.EntityUser && sc.Type != hub.EntityOrg:
			r.Repos = append(r.Repos, sc.ID)
		case slices.Contains(owners, sc.ID):
			r.Owners = append(r.Owners, sc.ID)
		}
	}
	return r, nil
}

// ownersOf are whose private repositories the user behind the actor may read: the user and organisations.
func (a *Authorizer) ownersOf(ctx context.Context, actor hub.Actor) ([]string, error) {
	roles, err := a.members.of(ctx, actor.UserID)
	if err != nil {
		return nil, err
	}
	ids := append(make([]string, 0, len(roles)+1), actor.UserID)
	for id, role := range roles {
		if role.AtLeast(hub.RoleRead) && !actor.Barred.Has(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// ReadableOwners is Readable without the single repositories of fine-grained tokens: all private repositories of these
// owners, or everybody's. Deduplication is bounded by it.
func (a *Authorizer) ReadableOwners(ctx context.Context, actor hub.Actor) (ownerIDs []string, all bool, err error) {
	r, err := a.Readable(ctx, actor)
	return r.Owners, r.All, err
}
