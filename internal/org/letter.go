package org

import (
	"context"
	"net/url"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/mail"
)

// lettersAtOnce is how many admins hear of one request to join.
const lettersAtOnce = 10

// letter queues an e-mail with a link to a page of the hub, as part of tx. A hub that does not know its own address
// sends none: who is told goes by what the pages show.
func (s *Service) letter(ctx context.Context, tx *db.Tx, to, subject, text, path string, until time.Time) error {
	if s.hooks.Mail == nil || s.hooks.URL == "" || to == "" {
		return nil
	}
	return s.hooks.Mail(ctx, tx, mail.Message{To: to, Subject: subject, Text: text + "\n\n" + s.hooks.URL + path + "\n", Until: until})
}

// admit asks whether a user may cause letters to that address; either may be empty.
func (s *Service) admit(ctx context.Context, tx *db.Tx, from, to string) error {
	if s.hooks.Admit == nil || from == "" && to == "" {
		return nil
	}
	return s.hooks.Admit(ctx, tx, from, to)
}

// Texts name organisations and users by their names, whose characters are checked, and never by what they write about
// themselves: an e-mail of this hub carries nobody's advertisement.
func (s *Service) mailInvitation(ctx context.Context, tx *db.Tx, row invitationRow, to, code string) error {
	who := "An administrator"
	if row.ByName != nil {
		who = *row.ByName
	}
	if to == "" {
		return nil
	}
	if err := s.admit(ctx, tx, row.CreatedBy, to); err != nil {
		return err
	}
	until := fromMicros(row.ExpiresAt)
	return s.letter(ctx, tx, to, "Invitation to the organization "+row.OrgName,
		who+" invites you to become a member of the organization "+row.OrgName+", with the role "+row.Role+".\n"+
			"The invitation ends on "+until.Format("2 January 2006, 15:04 UTC")+". If you did not expect it, ignore this message.\n"+
			"To accept or decline, open this page:", "/organizations/invitation?code="+url.QueryEscape(code), until)
}

func (s *Service) mailRequest(ctx context.Context, tx *db.Tx, o *Org, userID string) error {
	var p personRow
	if err := tx.Get(ctx, &p, getPerson, userID); err != nil {
		return err
	}
	var admins []string
	if err := tx.Select(ctx, &admins, adminAddresses, o.ID, lettersAtOnce); err != nil {
		return err
	}
	if err := s.admit(ctx, tx, userID, ""); err != nil {
		return err
	}
	for _, to := range admins {
		if err := s.admit(ctx, tx, "", to); errs.Is(err, errs.RateLimited) {
			continue // the pages show the request all the same
		} else if err != nil {
			return err
		}
		if err := s.letter(ctx, tx, to, p.Name+" asks to join "+o.Name,
			"The user "+p.Name+" asks to become a member of the organization "+o.Name+", of which you are an admin.\n"+
				"To approve or deny the request, open this page:", "/organizations/"+url.PathEscape(o.Name)+"/invitations", time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mailApproval(ctx context.Context, tx *db.Tx, orgID, userID string) error {
	o, err := one(ctx, tx, getByID, orgID)
	if err != nil {
		return err
	}
	var p personRow
	if err := tx.Get(ctx, &p, getPerson, userID); err != nil {
		return err
	}
	return s.letter(ctx, tx, p.address(""), "You are a member of "+o.Name,
		"Your request to join the organization "+o.Name+" was approved:", "/"+url.PathEscape(o.Name), time.Time{})
}
