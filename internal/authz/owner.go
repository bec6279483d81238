package authz

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const notYouText = "This is another user's own"

var orgText = map[hub.Role]string{
	hub.RoleAdmin: "Only admins of this organization may do this",
	hub.RoleRead:  "Only members of this organization may see this",
}

// Owner decides on a route that names a user or an organisation. That one exists is no secret.
func (a *Authorizer) Owner(ctx context.Context, actor hub.Actor, o account.Owner, r Right) error {
	switch r {
	case OwnerRead:
		return nil
	case OwnerFollow:
		return a.Site(actor, Write)
	case OwnerMember:
		return a.holds(ctx, actor, o, hub.RoleRead, hub.PermOrgRead)
	case OwnerSettingsRead:
		return a.holds(ctx, actor, o, hub.RoleAdmin, hub.PermOrgRead)
	case OwnerAdmin:
		if err := a.holds(ctx, actor, o, hub.RoleAdmin, hub.PermOrgWrite); err != nil {
			return err
		}
		return mayChange(actor)
	}
	return unknownRight(r)
}

// holds asks for the user itself, a role in the organisation, or an administrator of the hub; and of a fine-grained
// token for the permission on the organisation.
func (a *Authorizer) holds(ctx context.Context, actor hub.Actor, o account.Owner, least hub.Role, permission hub.Permission) error {
	if err := signedIn(actor); err != nil {
		return err
	}
	if err := anywhere(actor); err != nil {
		return err
	}
	if siteAdminProof(actor) {
		return nil
	}
	if o.Kind == account.KindUser && o.ID != actor.UserID {
		return errs.New(errs.Forbidden, notYouText)
	}
	if o.Kind == account.KindOrg {
		roles, err := a.roles(ctx, actor)
		if err != nil {
			return err
		}
		if !roles(o.ID).AtLeast(least) {
			return errs.New(errs.Forbidden, "%s", orgText[least])
		}
	}
	return scopedOwner(actor, o, permission)
}

// scopedOwner is what a fine-grained token is for on an organisation. Of its user it opens nothing but repositories.
func scopedOwner(actor hub.Actor, o account.Owner, p hub.Permission) error {
	switch {
	case actor.Scopes == nil:
		return nil
	case o.Kind == account.KindUser:
		return errs.New(errs.Forbidden, scopedAllText)
	case actor.Scopes.Has([]string{o.ID}, p), p == hub.PermOrgRead && actor.Scopes.Has([]string{o.ID}, hub.PermOrgWrite):
		return nil
	}
	return errs.New(errs.Forbidden, "This fine-grained token lacks the permission %s on this organization", p)
}
