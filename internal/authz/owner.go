package authz

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	notYouText      = "These are the settings of another user"
	orgAdminText    = "Only admins of this organization may do this"
	orgMembersText  = "Only members of this organization may see this"
	userMembersText = "Only the user may see this"
)

// Owner decides on a route that names a user or an organisation. That one exists is no secret.
func (a *Authorizer) Owner(ctx context.Context, actor hub.Actor, o account.Owner, r Right) error {
	switch r {
	case OwnerRead:
		return nil
	case OwnerFollow:
		return a.Site(actor, Write)
	case OwnerMember:
		return a.holds(ctx, actor, o, hub.RoleRead, userMembersText, orgMembersText)
	case OwnerSettingsRead:
		return a.holds(ctx, actor, o, hub.RoleAdmin, notYouText, orgAdminText)
	case OwnerAdmin:
		if err := a.holds(ctx, actor, o, hub.RoleAdmin, notYouText, orgAdminText); err != nil {
			return err
		}
		return mayChange(actor)
	}
	return unknownRight(r)
}

// holds asks for the user itself, a role in the organisation, or an administrator of the hub.
func (a *Authorizer) holds(ctx context.Context, actor hub.Actor, o account.Owner, least hub.Role, notUser, notOrg string) error {
	if err := signedIn(actor); err != nil {
		return err
	}
	if err := anywhere(actor); err != nil {
		return err
	}
	if actor.SiteAdmin {
		return nil
	}
	if o.Kind == account.KindUser {
		if o.ID != actor.UserID {
			return errs.New(errs.Forbidden, "%s", notUser)
		}
		return nil
	}
	roles, err := a.members.of(ctx, actor.UserID)
	if err != nil {
		return err
	}
	if !roles[o.ID].AtLeast(least) {
		return errs.New(errs.Forbidden, "%s", notOrg)
	}
	return nil
}
