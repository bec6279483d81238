package org

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Way is how somebody comes by an invitation: by its code, or by its id if it names them.
type Way struct{ Code, ID string }

// findInvitation finds an invitation. One that is not there and one that a wrong code was given for are the same.
func findInvitation(ctx context.Context, q db.Queryer, w Way) (row invitationRow, err error) {
	switch {
	case w.Code != "" && len(w.Code) <= maxCode:
		err = q.Get(ctx, &row, invitationByCode, hashCode(w.Code))
	case w.ID != "" && db.IsText(w.ID):
		err = q.Get(ctx, &row, invitationByID, w.ID)
	default:
		return row, noInvitation()
	}
	if db.IsNoRows(err) {
		err = noInvitation()
	}
	return row, err
}

func noInvitation() error {
	return errs.New(errs.NotFound, "There is no such invitation: check the link, or ask for another one")
}

// Accept makes a user a member by an invitation. Of users who race for its last use one wins; the others get a Conflict.
func (s *Service) Accept(ctx context.Context, userID string, w Way) (*Invitation, error) {
	s.accepting.Lock() // those who would only make PostgreSQL give up each other's transactions wait here
	defer s.accepting.Unlock()
	var row invitationRow
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if row, err = s.usable(ctx, tx, userID, w); err != nil {
			return err
		}
		if err := s.inviterMay(ctx, tx, row); err != nil {
			return err
		}
		return s.use(ctx, tx, row, userID)
	})
	if err != nil {
		return nil, errs.Wrap("org.Accept", err)
	}
	return row.invitation(), nil
}

// usable finds an invitation that a user may accept or decline.
func (s *Service) usable(ctx context.Context, tx *db.Tx, userID string, w Way) (invitationRow, error) {
	row, err := findInvitation(ctx, tx, w)
	if err != nil {
		return row, err
	}
	var p personRow
	if err := tx.Get(ctx, &p, getPerson, userID); err != nil {
		return row, err
	}
	switch {
	case row.UserID != nil && *row.UserID == userID:
	case row.UserID != nil, w.Code == "" && !p.owns(row.Email):
		return row, noInvitation() // it is somebody else's
	case row.Email != "" && !strings.EqualFold(p.Email, row.Email):
		// The code came by mail to that address, so it proves the address of the account that says it is its own.
		return row, errs.New(errs.Forbidden, "This invitation is for another e-mail address than your account's: sign in with the account that has it")
	}
	return row, row.ended(s.now())
}

// inviterMay makes sure that who made the invitation could still make it: nobody leaves doors behind.
func (s *Service) inviterMay(ctx context.Context, tx *db.Tx, row invitationRow) error {
	if row.CreatedBy == "" {
		return nil // the operator
	}
	var id string
	err := tx.Get(ctx, &id, inviterMay, row.CreatedBy, row.OrgID)
	if db.IsNoRows(err) {
		return errs.New(errs.Conflict, "Who made this invitation is no admin of the organization any more: ask for another one")
	}
	return err
}

func (s *Service) use(ctx context.Context, tx *db.Tx, row invitationRow, userID string) error {
	if _, member, err := roleOf(ctx, tx, row.OrgID, userID); err != nil || member {
		if member {
			err = errs.New(errs.Conflict, "You are a member of the organization already")
		}
		return err
	}
	n, err := tx.Exec(ctx, insertUse, row.ID, userID, s.now().UnixMicro())
	if err == nil && n == 0 {
		err = errs.New(errs.Conflict, "You have used this invitation before: ask for another one")
	}
	if err != nil {
		return err
	}
	n, err = tx.Exec(ctx, countUse, row.ID)
	if err == nil && n == 0 {
		err = errs.New(errs.Conflict, "This invitation has been used: ask for another one")
	}
	if err != nil {
		return err
	}
	return s.Join(ctx, tx, row.OrgID, userID, hub.Role(row.Role), map[string]any{"invitation": row.ID})
}

// Decline ends an invitation that is for its caller alone.
func (s *Service) Decline(ctx context.Context, userID string, w Way) error {
	return errs.Wrap("org.Decline", s.db.Tx(ctx, func(tx *db.Tx) error {
		row, err := s.usable(ctx, tx, userID, w)
		if err != nil {
			return err
		}
		if !row.bound() {
			return errs.New(errs.Conflict, "This invitation is not for you alone: leave it to others")
		}
		if _, err := tx.Exec(ctx, endInvitation, s.now().UnixMicro(), row.OrgID, row.ID); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, "org.invitation.decline", row.OrgID, userID, map[string]any{"invitation": row.ID})
	}))
}
