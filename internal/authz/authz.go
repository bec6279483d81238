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
		return mayChangeAll(actor)
	case WriteBody:
		return mayChange(actor)
	case Account:
		return ownAccount(actor)
	case SiteRead:
		return siteAdmin(actor)
	case SiteAdmin:
		if err := siteAdmin(actor); err != nil {
			return err
		}
		return ownAccount(actor) // it opens everybody's account
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
	if g.effective == grantNone && s.Visibility != hub.Public {
		return errs.RepoNotFound()
	}
	switch r {
	case Public, RepoRead:
		return nil
	case SignedIn, Write, WriteBody, SiteRead, SiteAdmin:
		return a.Site(actor, r)
	case RepoLike:
		return a.Site(actor, Write)
	case RepoContent:
		return mayReadContent(actor, s, g)
	case RepoWrite, RepoSettings, RepoAdmin:
		return mayChangeRepo(actor, s, g, r)
	case RepoKeyAdd:
		if err := mayChangeRepo(actor, s, g, RepoSettings); err != nil {
			return err
		}
		return ownAccount(actor)
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
	if actor.Scopes != nil && !actor.Scopes.Has([]string{ownerID}, hub.PermRepoWrite) {
		return errs.New(errs.Forbidden, scopedCreateText)
	}
	if siteAdminProof(actor) || kind == account.KindUser && ownerID == actor.UserID {
		return nil
	}
	if kind != account.KindOrg {
		return errs.New(errs.Forbidden, "You don't have the rights to create repositories under this namespace: it belongs to another user")
	}
	if actor.Barred.Has(ownerID) {
		return errs.New(errs.Forbidden, "This organization has ended the access of this token")
	}
	return a.members.mayCreate(ctx, ownerID, actor.UserID)
}

// grant is what the owner's side gives an actor on a repository, whatever its visibility.
type grant int

const (
	grantNone  grant = iota
	grantGated       // the content of a public gated repository
	grantRead
	grantAll
	grantSite // all, and past what is disabled
)

// grants are what the user has, and what is left of it by a fine-grained token.
type grants struct{ user, effective grant }

func (a *Authorizer) grant(ctx context.Context, actor hub.Actor, s Subject) (grants, error) {
	user, err := a.userGrant(ctx, actor, s)
	g := grants{user, user}
	if actor.Scopes != nil {
		g.effective = min(user, scopedGrant(actor.Scopes, s))
	}
	return g, err
}

func (a *Authorizer) userGrant(ctx context.Context, actor hub.Actor, s Subject) (grant, error) {
	switch {
	case actor.Anonymous():
		return grantNone, nil
	case actor.Deploy: // Repo has seen that this is the key's repository
		return grantAll, nil
	case siteAdminProof(actor):
		return grantSite, nil
	case actor.UserID == s.OwnerID:
		return grantAll, nil
	}
	roles, err := a.roles(ctx, actor)
	if err != nil {
		return grantNone, err
	}
	role := roles(s.OwnerID) // none when a user owns the repository
	switch {
	case role.AtLeast(hub.RoleWrite), role == hub.RoleContributor && s.CreatedBy == actor.UserID:
		return grantAll, nil
	case role.AtLeast(hub.RoleRead):
		return grantRead, nil
	}
	return grantNone, nil
}

// scopedGrant is the most that a fine-grained token is for on a repository.
func scopedGrant(sc *hub.Scopes, s Subject) grant {
	entities := []string{s.RepoID, s.OwnerID}
	switch {
	case sc.Has(entities, hub.PermRepoWrite):
		return grantAll
	case sc.Has(entities, hub.PermRepoRead):
		return grantRead
	case sc.GatedRepos && s.Visibility == hub.Public:
		return grantGated
	}
	return grantNone
}

// siteAdminProof reports whether an administrator of the hub acts as one. Who holds a token back for one purpose, or
// lost its access somewhere, does not want it to open everything else.
func siteAdminProof(actor hub.Actor) bool {
	return actor.SiteAdmin && actor.Scopes == nil && actor.Barred == nil
}

// SiteAdminProof reports whether the actor may act as an administrator of the hub, where that widens what is shown or
// lifts a bound. Nobody else reads hub.Actor.SiteAdmin.
func (a *Authorizer) SiteAdminProof(actor hub.Actor) bool { return siteAdminProof(actor) }

// roles gives the actor's role in an organisation, none in those that shut the token out.
func (a *Authorizer) roles(ctx context.Context, actor hub.Actor) (func(orgID string) hub.Role, error) {
	roles, err := a.members.of(ctx, actor.UserID)
	return func(orgID string) hub.Role {
		if actor.Barred.Has(orgID) {
			return hub.RoleNone
		}
		return roles[orgID]
	}, err
}
