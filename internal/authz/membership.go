package authz

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

const membershipBytes = 8 << 20

// memberships are the roles of users, by organisation, kept for as long as the database does not change.
type memberships struct {
	db   *db.DB
	kept *db.Memo[string, map[string]hub.Role]
}

func newMemberships(d *db.DB) *memberships {
	weigh := func(roles map[string]hub.Role) int64 { return 64 + 80*int64(len(roles)) }
	return &memberships{d, db.NewMemo[string](d, membershipBytes, weigh)}
}

// of returns a user's roles. The map is shared: it is read only.
func (m *memberships) of(ctx context.Context, userID string) (map[string]hub.Role, error) {
	return m.kept.Get(userID, func() (map[string]hub.Role, error) { return org.Roles(ctx, m.db, userID) })
}

// mayCreate asks whether a user's role in an organisation is enough to create repositories there, by its own settings.
func (m *memberships) mayCreate(ctx context.Context, orgID, userID string) error {
	roles, err := m.of(ctx, userID)
	if err != nil {
		return err
	}
	least := hub.RoleContributor
	if roles[orgID].AtLeast(least) {
		if least, err = org.CreateRole(ctx, m.db, orgID); err != nil {
			return err
		}
	}
	if !roles[orgID].AtLeast(least) {
		return errs.New(errs.Forbidden, "You don't have the rights to create repositories under this namespace: it takes the role %s or more in the organization", least)
	}
	return nil
}

// Member reports whether a user has a role in an organisation.
func (a *Authorizer) Member(ctx context.Context, orgID, userID string) (bool, error) {
	roles, err := a.members.of(ctx, userID)
	return roles[orgID].AtLeast(hub.RoleRead), err
}
