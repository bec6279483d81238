package org

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// OrgsSeen lists the organisations of a user as far as the actor may know of the membership: all for the user and for who
// acts as an administrator of the hub (see authz.SiteAdminProof), otherwise those whose members are public or to which the actor belongs as well.
func (s *Service) OrgsSeen(ctx context.Context, actor hub.Actor, siteAdmin bool, userID string) ([]account.Membership, error) {
	if siteAdmin || actor.UserID == userID && !actor.Deploy {
		return s.OrgsOf(ctx, userID)
	}
	var rows []struct {
		ID       string
		Name     string
		Fullname string
		Role     string
	}
	if err := s.db.Select(ctx, &rows, orgsSeen, userID, actor.UserID); err != nil {
		return nil, errs.Wrap("org.OrgsSeen", err)
	}
	list := make([]account.Membership, len(rows))
	for i, r := range rows {
		list[i] = account.Membership{OrgID: r.ID, Name: r.Name, Fullname: r.Fullname, Role: hub.Role(r.Role)}
	}
	return list, nil
}

// CountMembers is how many members of an organisation have access.
func (s *Service) CountMembers(ctx context.Context, orgID string) (n int64, err error) {
	err = s.db.Get(ctx, &n, countMembers, orgID)
	return n, errs.Wrap("org.CountMembers", err)
}

const (
	orgsSeen = `
		SELECT o.id, o.name, o.fullname, m.role
		FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role <> 'no_access' AND (o.members_public OR EXISTS (
			SELECT 1 FROM org_member a WHERE a.org_id = o.id AND a.user_id = ? AND a.role <> 'no_access'))
		ORDER BY o.name`

	countMembers = `SELECT COUNT(*) FROM org_member WHERE org_id = ? AND role <> 'no_access'`
)
