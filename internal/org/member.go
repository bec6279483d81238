package org

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Member is a user's place in an organisation.
type Member struct {
	UserID    string
	Role      hub.Role
	CreatedAt time.Time
}

// Roles maps the organisations of a user to the user's role there.
func Roles(ctx context.Context, q db.Queryer, userID string) (map[string]hub.Role, error) {
	var rows []struct {
		OrgID string `db:"org_id"`
		Role  string
	}
	if err := q.Select(ctx, &rows, rolesOfUser, userID); err != nil {
		return nil, errs.Wrap("org.Roles", err)
	}
	roles := make(map[string]hub.Role, len(rows))
	for _, r := range rows {
		roles[r.OrgID] = hub.Role(r.Role)
	}
	return roles, nil
}

// RoleOf is a user's role in an organisation, hub.RoleNone for who is no member.
func (s *Service) RoleOf(ctx context.Context, orgID, userID string) (hub.Role, error) {
	role, err := roleOf(ctx, s.db, orgID, userID)
	return role, errs.Wrap("org.RoleOf", err)
}

func roleOf(ctx context.Context, q db.Queryer, orgID, userID string) (hub.Role, error) {
	var role string
	err := q.Get(ctx, &role, getRole, orgID, userID)
	if db.IsNoRows(err) {
		return hub.RoleNone, nil
	}
	return hub.Role(role), err
}

// OrgsOf lists the organisations of a user by name; it is account.Options.Orgs.
func (s *Service) OrgsOf(ctx context.Context, userID string) ([]account.Membership, error) {
	var rows []struct {
		ID       string
		Name     string
		Fullname string
		Role     string
	}
	if err := s.db.Select(ctx, &rows, orgsOfUser, userID); err != nil {
		return nil, errs.Wrap("org.OrgsOf", err)
	}
	list := make([]account.Membership, len(rows))
	for i, r := range rows {
		list[i] = account.Membership{OrgID: r.ID, Name: r.Name, Fullname: r.Fullname, Role: hub.Role(r.Role)}
	}
	return list, nil
}

// Members is a page of an organisation's members in order of their ids.
func (s *Service) Members(ctx context.Context, orgID string, p hub.Page) ([]Member, string, error) {
	p = p.Clamp(onPage, maxOnPage)
	var rows []struct {
		UserID    string `db:"user_id"`
		Role      string
		CreatedAt int64 `db:"created_at"`
	}
	if err := s.db.Select(ctx, &rows, listMembers, orgID, p.Cursor, p.Limit+1); err != nil {
		return nil, "", errs.Wrap("org.Members", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = rows[p.Limit-1].UserID
	}
	members := make([]Member, len(rows))
	for i, r := range rows {
		members[i] = Member{UserID: r.UserID, Role: hub.Role(r.Role), CreatedAt: time.UnixMicro(r.CreatedAt).UTC()}
	}
	return members, next, nil
}

// SetMember makes a user a member, or changes the role of one.
func (s *Service) SetMember(ctx context.Context, orgID, userID string, role hub.Role) error {
	if _, ok := hub.ParseRole(string(role)); !ok {
		return errs.New(errs.Invalid, "A role is no_access, read, contributor, write or admin, not %q", role)
	}
	return errs.Wrap("org.SetMember", s.db.Tx(ctx, func(tx *db.Tx) error {
		if role != hub.RoleAdmin {
			if err := keepLastAdmin(ctx, tx, orgID, userID); err != nil {
				return err
			}
		}
		was, err := memberRole(ctx, tx, orgID, userID)
		if err != nil || was == role {
			return err
		}
		if _, err := tx.Exec(ctx, putMember, orgID, userID, string(role), time.Now().UnixMicro()); err != nil {
			return err
		}
		return noteMember(ctx, tx, orgID, userID, was, role)
	}))
}

// RemoveMember ends a membership.
func (s *Service) RemoveMember(ctx context.Context, orgID, userID string) error {
	return errs.Wrap("org.RemoveMember", s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := keepLastAdmin(ctx, tx, orgID, userID); err != nil {
			return err
		}
		was, err := memberRole(ctx, tx, orgID, userID)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, deleteMember, orgID, userID)
		if err == nil && n == 0 {
			return errs.New(errs.NotFound, "This user is no member of the organization")
		}
		if err != nil {
			return err
		}
		return noteMember(ctx, tx, orgID, userID, was, "")
	}))
}

// CheckUserDelete refuses to lose the last admin of an organisation; it is one of account.Options.BeforeDelete.
func (s *Service) CheckUserDelete(ctx context.Context, q db.Queryer, userID string) error {
	var names []string
	if err := q.Select(ctx, &names, lastAdminOf, userID, userID); err != nil {
		return errs.Wrap("org.CheckUserDelete", err)
	}
	if len(names) > 0 {
		return errs.New(errs.Conflict, "This user is the last admin of the organization %q: make another member admin first", names[0])
	}
	return nil
}

func keepLastAdmin(ctx context.Context, tx *db.Tx, orgID, userID string) error {
	var admins []string
	if err := tx.Select(ctx, &admins, adminsOf, orgID); err != nil {
		return err
	}
	if len(admins) == 1 && admins[0] == userID {
		return errs.New(errs.Conflict, "This is the last admin of the organization: make another member admin first")
	}
	return nil
}
