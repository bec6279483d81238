package org

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Settings are what an organisation's admins decide.
type Settings struct {
	Fullname          string
	DefaultVisibility hub.Visibility // of new repositories of which nothing is said
	ForcePrivate      bool           // no repository becomes public, or comes here as a public one
	CreateRole        hub.Role       // the least role that may create repositories: contributor, write or admin
	MembersPublic     bool           // whether others see who its members are
	JoinRequests      bool           // whether others may ask to join
}

// Change is a change of settings; what is nil stays as it is.
type Change struct {
	Fullname          *string
	DefaultVisibility *hub.Visibility
	ForcePrivate      *bool
	CreateRole        *hub.Role
	MembersPublic     *bool
	JoinRequests      *bool
}

// Change applies a change of settings and returns the organisation as it is then. Repositories that are public when
// ForcePrivate is set stay so until somebody makes them private.
func (s *Service) Change(ctx context.Context, orgID string, c Change) (o *Org, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if o, err = one(ctx, tx, getByID, orgID); err != nil {
			return err
		}
		before := o.Settings
		if err := c.apply(&o.Settings); err != nil {
			return err
		}
		if o.Settings == before {
			return nil
		}
		n := o.Settings
		if _, err := tx.Exec(ctx, updateSettings, n.Fullname, string(n.DefaultVisibility), n.ForcePrivate, string(n.CreateRole),
			n.MembersPublic, n.JoinRequests, orgID); err != nil {
			return err
		}
		if n.Fullname != before.Fullname {
			if err := account.SetFullnameWords(ctx, tx, account.KindOrg, orgID, n.Fullname); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, "org.settings", orgID, difference(before, n))
	})
	return o, errs.Wrap("org.Change", err)
}

func (c Change) apply(s *Settings) error {
	if c.Fullname != nil {
		s.Fullname = strings.TrimSpace(*c.Fullname)
		if err := checkFullname(s.Fullname); err != nil {
			return err
		}
	}
	if v := c.DefaultVisibility; v != nil {
		if *v != hub.Public && *v != hub.Private {
			return errs.New(errs.Invalid, "The default visibility is public or private, not %q", clip(string(*v)))
		}
		s.DefaultVisibility = *v
	}
	if r := c.CreateRole; r != nil {
		if *r != hub.RoleContributor && *r != hub.RoleWrite && *r != hub.RoleAdmin {
			return errs.New(errs.Invalid, "The role that may create repositories is contributor, write or admin, not %q", clip(string(*r)))
		}
		s.CreateRole = *r
	}
	for _, flag := range []struct{ to, from *bool }{
		{&s.ForcePrivate, c.ForcePrivate}, {&s.MembersPublic, c.MembersPublic}, {&s.JoinRequests, c.JoinRequests},
	} {
		if flag.from != nil {
			*flag.to = *flag.from
		}
	}
	return nil
}

// difference names what has changed, with the new values.
func difference(before, after Settings) map[string]any {
	changed := map[string]any{}
	for name, v := range map[string][2]any{
		"fullname":          {before.Fullname, after.Fullname},
		"defaultVisibility": {before.DefaultVisibility, after.DefaultVisibility},
		"forcePrivate":      {before.ForcePrivate, after.ForcePrivate},
		"createRole":        {before.CreateRole, after.CreateRole},
		"membersPublic":     {before.MembersPublic, after.MembersPublic},
		"joinRequests":      {before.JoinRequests, after.JoinRequests},
	} {
		if v[0] != v[1] {
			changed[name] = v[1]
		}
	}
	return changed
}

// clip keeps a caller's text in a message short.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// CreateRole is the least role that may create repositories in an organisation.
func CreateRole(ctx context.Context, q db.Queryer, orgID string) (hub.Role, error) {
	o, err := one(ctx, q, getByID, orgID)
	if err != nil {
		return hub.RoleNone, err
	}
	return o.CreateRole, nil
}

// Rules are what an owner's settings say of all of its repositories; for a user nothing is decided.
func Rules(ctx context.Context, q db.Queryer, ownerID string) (v hub.Visibility, forcePrivate bool, err error) {
	o, err := one(ctx, q, getByID, ownerID)
	if errs.Is(err, errs.NotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return o.DefaultVisibility, o.ForcePrivate, nil
}
