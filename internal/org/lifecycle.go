package org

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Rename gives an organisation another name. Its repositories come along and their old names lead to the new ones; the
// old name of the organisation stays held for it for 90 days, against everybody else.
func (s *Service) Rename(ctx context.Context, orgID, to string) (*Org, error) {
	if err := account.CheckName(to, false); err != nil {
		return nil, err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		o, err := one(ctx, tx, getByID, orgID)
		if err != nil || o.Name == to {
			return err
		}
		if err := account.ReleaseName(ctx, tx, o.Name, o.ID); err != nil {
			return err
		}
		if err := account.ClaimName(ctx, tx, to, account.KindOrg, o.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, renameOrg, to, o.ID); err != nil {
			return err
		}
		if s.hooks.Renamed != nil {
			if err := s.hooks.Renamed(ctx, tx, account.Owner{ID: o.ID, Kind: account.KindOrg, Name: o.Name}, to); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, "org.rename", o.ID, map[string]any{"from": o.Name, "to": to})
	})
	if err != nil {
		return nil, errs.Wrap("org.Rename", err)
	}
	return s.GetByID(ctx, orgID)
}

// Removal is what Delete needs. Confirm is the organisation's name as somebody has typed it.
type Removal struct {
	Confirm   string
	WithRepos bool // delete what the organisation owns first; otherwise it must own nothing
}

// Delete removes an organisation with its memberships, invitations and requests. The name stays held for 90 days. When it
// fails half way, for a right that is missing or a name that changed, what is left is whole and Delete may go on.
func (s *Service) Delete(ctx context.Context, by hub.Actor, orgID string, r Removal) error {
	if len(s.hooks.BeforeDelete) == 0 {
		return &errs.Error{Kind: errs.Internal, Op: "org.Delete", Msg: "Hooks.BeforeDelete is not set"}
	}
	o, err := s.GetByID(ctx, orgID)
	if err != nil {
		return err
	}
	if err := r.check(o); err != nil {
		return err
	}
	if r.WithRepos && s.hooks.Empty != nil {
		if err := s.hooks.Empty(ctx, by, o.ID); err != nil {
			return errs.Wrap("org.Delete", err)
		}
	}
	return errs.Wrap("org.Delete", s.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := one(ctx, tx, getByID, o.ID)
		if err != nil {
			return err
		}
		if err := r.check(now); err != nil {
			return err
		}
		return s.erase(ctx, tx, now)
	}))
}

func (r Removal) check(o *Org) error {
	if !strings.EqualFold(r.Confirm, o.Name) {
		return errs.New(errs.Invalid, "To delete the organization, confirm with its name: %q", o.Name)
	}
	return nil
}

func (s *Service) erase(ctx context.Context, tx *db.Tx, o *Org) error {
	for _, check := range s.hooks.BeforeDelete {
		if err := check(ctx, tx, o.ID); err != nil {
			return err
		}
	}
	if err := account.ReleaseName(ctx, tx, o.Name, o.ID); err != nil {
		return err
	}
	if err := s.record(ctx, tx, "org.delete", o.ID, map[string]any{"name": o.Name}); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, deleteOrg, o.ID)
	if err == nil && n == 0 {
		return notFound()
	}
	return err
}
