package authz

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Authorizer decides. It is safe for concurrent use.
type Authorizer struct {
	members *memberships
}

// New makes an authorizer on the hub's database.
func New(d *db.DB) *Authorizer { return &Authorizer{members: newMemberships(d)} }

// Site decides on a route that names no repository, user or organisation.
func (a *Authorizer) Site(actor hub.Actor, r Right) error {
	switch r {
	case Public, XetRead, XetWrite, Signed:
		return nil
	}
	if err := anywhere(actor); err != nil {
		return err
	}
	switch r {
	case SignedIn:
		return signedIn(actor)
	case Write:
		return mayChange(actor)
	case Account:
		return ownAccount(actor)
	case SiteRead:
		return siteAdmin(actor)
	case SiteAdmin:
		if err := siteAdmin(actor); err != nil {
			return err
		}
		return mayChange(actor)
	}
	return unknownRight(r)
}

// Repo decides on a route that names a repository. What the actor may not see answers as what does not exist.
func (a *Authorizer) Repo(ctx context.Context, actor hub.Actor, s Subject, r Right) error {
	if r == XetRead || r == XetWrite || r == Signed {
		return nil
	}
	if actor.RepoID != "" && actor.RepoID != s.RepoID {
		return errs.RepoNotFound() // the proof opens one repository, and knows of no other
	}
	g, err := a.grant(ctx, actor, s)
	if err != nil {
		return err
	}
	if g == grantNone && s.Visibility != hub.Public {
		return errs.RepoNotFound()
	}
	switch r {
	case Public, RepoRead:
		return nil
	case SignedIn, Write, SiteRead, SiteAdmin:
		return a.Site(actor, r)
	case RepoLike:
		return a.Site(actor, Write)
	case RepoContent:
		return mayReadContent(actor, s, g)
	case RepoWrite, RepoSettings, RepoAdmin:
		return mayChangeRepo(actor, s, g, r)
	}
	return unknownRight(r)
}

// CreateIn decides whether the actor may create repositories in a namespace.
func (a *Authorizer) CreateIn(ctx context.Context, actor hub.Actor, ownerID string, kind account.Kind) error {
	if err := mayChange(actor); err != nil {
		return err
	}
	if err := anywhere(actor); err != nil {
		return err
	}
	if actor.SiteAdmin || kind == account.KindUser && ownerID == actor.UserID {
		return nil
	}
	if kind != account.KindOrg {
		return errs.New(errs.Forbidden, "You don't have the rights to create repositories under this namespace: it belongs to another user")
	}
	return a.members.mayCreate(ctx, ownerID, actor.UserID)
}

// ReadableOwners says whose private repositories the actor may read: of all owners, or of those listed. Listings and
// deduplication are bounded by it.
func (a *Authorizer) ReadableOwners(ctx context.Context, actor hub.Actor) (ownerIDs []string, all bool, err error) {
	if actor.Anonymous() || actor.RepoID != "" {
		return nil, false, nil
	}
	if actor.SiteAdmin {
		return nil, true, nil
	}
	roles, err := a.members.of(ctx, actor.UserID)
	if err != nil {
		return nil, false, err
	}
	ownerIDs = append(make([]string, 0, len(roles)+1), actor.UserID)
	for id, role := range roles {
		if role.AtLeast(hub.RoleRead) {
			ownerIDs = append(ownerIDs, id)
		}
	}
	return ownerIDs, false, nil
}

// grant is what the owner's side gives an actor on a repository, whatever its visibility.
type grant int

const (
	grantNone grant = iota
	grantRead
	grantAll
	grantSite // all, and past what is disabled
)

func (a *Authorizer) grant(ctx context.Context, actor hub.Actor, s Subject) (grant, error) {
	switch {
	case actor.Anonymous():
		return grantNone, nil
	case actor.Deploy: // Repo has seen that this is the key's repository
		return grantAll, nil
	case actor.SiteAdmin:
		return grantSite, nil
	case actor.UserID == s.OwnerID:
		return grantAll, nil
	}
	roles, err := a.members.of(ctx, actor.UserID)
	if err != nil {
		return grantNone, err
	}
	role := roles[s.OwnerID] // none when a user owns the repository
	switch {
	case role.AtLeast(hub.RoleWrite), role == hub.RoleContributor && s.CreatedBy == actor.UserID:
		return grantAll, nil
	case role.AtLeast(hub.RoleRead):
		return grantRead, nil
	}
	return grantNone, nil
}
