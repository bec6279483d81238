package org

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

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
	role, _, err := roleOf(ctx, s.db, orgID, userID)
	return role, errs.Wrap("org.RoleOf", err)
}

// IsMember reports whether a user is a member, also one without access.
func (s *Service) IsMember(ctx context.Context, orgID, userID string) (bool, error) {
	_, member, err := roleOf(ctx, s.db, orgID, userID)
	return member, errs.Wrap("org.IsMember", err)
}

// roleOf tells a member without access from who is no member.
func roleOf(ctx context.Context, q db.Queryer, orgID, userID string) (role hub.Role, member bool, err error) {
	var word string
	err = q.Get(ctx, &word, getRole, orgID, userID)
	if db.IsNoRows(err) {
		return hub.RoleNone, false, nil
	}
	return hub.Role(word), err == nil, err
}

// MembersAmong says which of some users, up to a few thousand, are members, also those without access.
func (s *Service) MembersAmong(ctx context.Context, orgID string, userIDs []string) (map[string]bool, error) {
	members := map[string]bool{}
	if len(userIDs) == 0 {
		return members, nil
	}
	query, args, err := db.In(membersAmong, orgID, userIDs)
	if err != nil {
		return nil, errs.Wrap("org.MembersAmong", err)
	}
	var ids []string
	err = s.db.Select(ctx, &ids, query, args...)
	for _, id := range ids {
		members[id] = true
	}
	return members, errs.Wrap("org.MembersAmong", err)
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

// SetMember makes a user a member, or changes the role of one.
func (s *Service) SetMember(ctx context.Context, orgID, userID string, role hub.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return errs.Wrap("org.SetMember", s.db.Tx(ctx, func(tx *db.Tx) error {
		was, member, err := roleOf(ctx, tx, orgID, userID)
		if err != nil {
			return err
		}
		if !member {
			return s.Join(ctx, tx, orgID, userID, role, nil)
		}
		return s.changeRole(ctx, tx, orgID, userID, was, role)
	}))
}

// AddMember makes a user a member; errs.Conflict for who is one.
func (s *Service) AddMember(ctx context.Context, orgID, userID string, role hub.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return errs.Wrap("org.AddMember", s.db.Tx(ctx, func(tx *db.Tx) error {
		return s.Join(ctx, tx, orgID, userID, role, nil)
	}))
}

// Join makes a user a member as part of tx; errs.Conflict for who is one, whatever the role. how is noted.
func (s *Service) Join(ctx context.Context, tx *db.Tx, orgID, userID string, role hub.Role, how map[string]any) error {
	if _, err := one(ctx, tx, getByID, orgID); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, insertMember, orgID, userID, string(role), s.now().UnixMicro())
	if err != nil {
		return err
	}
	if n == 0 {
		return errs.New(errs.Conflict, "This user is a member of the organization already")
	}
	if _, err := tx.Exec(ctx, dropJoinRequest, orgID, userID); err != nil {
		return err
	}
	data := map[string]any{"role": string(role)}
	for k, v := range how {
		data[k] = v
	}
	return s.recordOf(ctx, tx, "org.member.add", orgID, userID, data)
}

// SetRole changes the role of a member; errs.NotFound for who is none.
func (s *Service) SetRole(ctx context.Context, orgID, userID string, role hub.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return errs.Wrap("org.SetRole", s.db.Tx(ctx, func(tx *db.Tx) error {
		was, member, err := roleOf(ctx, tx, orgID, userID)
		if err != nil {
			return err
		}
		if !member {
			return noMember()
		}
		return s.changeRole(ctx, tx, orgID, userID, was, role)
	}))
}

func (s *Service) changeRole(ctx context.Context, tx *db.Tx, orgID, userID string, was, role hub.Role) error {
	if was == role {
		return nil
	}
	if was == hub.RoleAdmin {
		if err := keepAdmin(ctx, tx, orgID, userID); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, setRole, string(role), orgID, userID); err != nil {
		return err
	}
	return s.recordOf(ctx, tx, "org.member.role", orgID, userID, map[string]any{"role": string(role), "from": string(was)})
}

// RemoveMember ends a membership.
func (s *Service) RemoveMember(ctx context.Context, orgID, userID string) error {
	return errs.Wrap("org.RemoveMember", s.remove(ctx, orgID, userID, "org.member.remove"))
}

// Leave ends the caller's own membership, also one without access.
func (s *Service) Leave(ctx context.Context, orgID, userID string) error {
	return errs.Wrap("org.Leave", s.remove(ctx, orgID, userID, "org.member.leave"))
}

func (s *Service) remove(ctx context.Context, orgID, userID, kind string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		was, member, err := roleOf(ctx, tx, orgID, userID)
		if err != nil {
			return err
		}
		if !member {
			return noMember()
		}
		if was == hub.RoleAdmin {
			if err := keepAdmin(ctx, tx, orgID, userID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, deleteMember, orgID, userID); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, kind, orgID, userID, map[string]any{"from": string(was)})
	})
}

func noMember() error { return errs.New(errs.NotFound, "This user is no member of the organization") }

func checkRole(role hub.Role) error {
	if _, ok := hub.ParseRole(string(role)); !ok {
		return errs.New(errs.Invalid, "A role is no_access, read, contributor, write or admin, not %q", clip(string(role)))
	}
	return nil
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

// keepAdmin makes sure that an organisation has an admin besides a user, one who may sign in: suspended admins could help
// nobody.
func keepAdmin(ctx context.Context, tx *db.Tx, orgID, userID string) error {
	var other string
	err := tx.Get(ctx, &other, anotherAdmin, orgID, userID)
	if db.IsNoRows(err) {
		return errs.New(errs.Conflict, "This is the last admin of the organization: make another member admin first")
	}
	return err
}
