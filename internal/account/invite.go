package account

import (
	"context"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/mail"
)

const (
	inviteLife    = 7 * 24 * time.Hour
	maxInviteLife = 365 * 24 * time.Hour
	maxInviteUses = 100_000
	invitesOnPage = 100
)

// Invite is an invitation to the hub, without its code.
type Invite struct {
	ID        string
	Email     string   // whom it was sent to; empty: for whoever has the link
	OrgID     string   // the organisation that it makes a member of; empty: none
	Role      hub.Role // there
	MaxUses   int64
	Uses      int64
	CreatedBy string // user id
	CreatedAt time.Time
	ExpiresAt time.Time
}

// NewInvite is what CreateInvite needs. Zero values: once, for a week.
type NewInvite struct {
	Email     string
	OrgID     string
	Role      hub.Role
	MaxUses   int64
	Life      time.Duration
	CreatedBy string
}

type inviteRow struct {
	ID        string
	Email     string
	OrgID     string `db:"org_id"`
	Role      string
	MaxUses   int64 `db:"max_uses"`
	Uses      int64
	CreatedBy string `db:"created_by"`
	CreatedAt int64  `db:"created_at"`
	ExpiresAt int64  `db:"expires_at"`
}

func (r inviteRow) invite() *Invite {
	return &Invite{r.ID, r.Email, r.OrgID, hub.Role(r.Role), r.MaxUses, r.Uses, r.CreatedBy, fromMicros(&r.CreatedAt), fromMicros(&r.ExpiresAt)}
}

// CreateInvite makes an invitation. With an address it is sent there and the link is empty, so that whoever uses it has
// proven the address; without one the link is for the caller to hand on, and is not kept.
func (s *Service) CreateInvite(ctx context.Context, n NewInvite) (inv *Invite, link string, err error) {
	if err := n.complete(); err != nil {
		return nil, "", err
	}
	now := s.now()
	row := inviteRow{ID: hub.NewID(), Email: n.Email, OrgID: n.OrgID, Role: string(n.Role), MaxUses: n.MaxUses,
		CreatedBy: n.CreatedBy, CreatedAt: now.UnixMicro(), ExpiresAt: now.Add(n.Life).UnixMicro()}
	code, hash := "", ""
	if n.Email == "" {
		code = newCode()
		hash, link = secretHash(code), s.link(invitePath, code)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, insertInvite, row.ID, hash, row.Email, row.OrgID, row.Role, row.MaxUses, row.CreatedBy, row.CreatedAt, row.ExpiresAt)
		if err != nil {
			return err
		}
		if n.Email != "" {
			if err := s.post(ctx, tx, letter{Kind: "invite", ID: row.ID}); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, "invite.create", row.OrgID, inviteEvent(row.invite()))
	})
	if err != nil {
		return nil, "", errs.Wrap("account.CreateInvite", err)
	}
	return row.invite(), link, nil
}

func (n *NewInvite) complete() error {
	n.Email = strings.TrimSpace(n.Email)
	if n.MaxUses == 0 {
		n.MaxUses = 1
	}
	if n.Life == 0 {
		n.Life = inviteLife
	}
	_, known := hub.ParseRole(string(n.Role))
	switch {
	case n.MaxUses < 1 || n.MaxUses > maxInviteUses:
		return errs.New(errs.Invalid, "An invitation can be used 1 to %d times", maxInviteUses)
	case n.Email != "" && n.MaxUses != 1:
		return errs.New(errs.Invalid, "An invitation that is sent to an address can be used once")
	case n.Life < time.Minute || n.Life > maxInviteLife:
		return errs.New(errs.Invalid, "An invitation lives for a minute to a year")
	case n.OrgID != "" && (!known || n.Role == hub.RoleNone):
		return errs.New(errs.Invalid, "A role is read, contributor, write or admin, not %q", n.Role)
	case n.OrgID == "" && n.Role != "":
		return errs.New(errs.Invalid, "A role is one in an organization: name the organization as well")
	case n.Email != "":
		return mail.CheckAddress(n.Email)
	}
	return nil
}

func inviteEvent(i *Invite) map[string]any {
	m := map[string]any{"invite": i.ID, "uses": i.MaxUses, "expires": i.ExpiresAt}
	if i.Email != "" {
		m["email"] = i.Email
	}
	if i.OrgID != "" {
		m["org"], m["role"] = i.OrgID, i.Role
	}
	return m
}

// Invites is a page of the invitations that can still be used, oldest first, with the cursor of the next page.
func (s *Service) Invites(ctx context.Context, p hub.Page) ([]*Invite, string, error) {
	p = p.Clamp(invitesOnPage, maxUsers)
	var rows []inviteRow
	if err := s.db.Select(ctx, &rows, listInvites, p.Cursor, s.now().UnixMicro(), p.Limit+1); err != nil {
		return nil, "", errs.Wrap("account.Invites", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = rows[p.Limit-1].ID
	}
	list := make([]*Invite, len(rows))
	for i, r := range rows {
		list[i] = r.invite()
	}
	return list, next, nil
}

// RevokeInvite ends an invitation.
func (s *Service) RevokeInvite(ctx context.Context, id string) error {
	if !db.IsText(id) {
		return errs.New(errs.NotFound, "There is no such invitation")
	}
	return errs.Wrap("account.RevokeInvite", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, deleteInvite, id)
		if err == nil && n == 0 {
			return errs.New(errs.NotFound, "There is no such invitation")
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, "invite.revoke", "", map[string]any{"invite": id})
	}))
}

// FindInvite is the invitation of a link; errs.NotFound when it is worth nothing any more.
func (s *Service) FindInvite(ctx context.Context, code string) (*Invite, error) {
	var row inviteRow
	err := s.db.Get(ctx, &row, getInvite, codeHash(code), s.now().UnixMicro())
	if db.IsNoRows(err) {
		return nil, deadInvite()
	}
	return row.invite(), errs.Wrap("account.FindInvite", err)
}

func deadInvite() error {
	return errs.New(errs.NotFound, "This invitation is not valid any more: ask for a new one")
}

// AcceptInvite makes a user who has an account already a member of the organisation that a link invites to. One that was
// sent to an address is for who has proven it.
func (s *Service) AcceptInvite(ctx context.Context, code, userID string) (*Invite, error) {
	inv, err := s.FindInvite(ctx, code)
	if err != nil {
		return nil, err
	}
	if inv.OrgID == "" {
		return nil, errs.New(errs.Conflict, "You have an account here already: this invitation is for somebody who has none")
	}
	return inv, errs.Wrap("account.AcceptInvite", s.write(ctx, func(tx *db.Tx) error {
		user, err := findUser(ctx, tx, getUserByID, userID)
		if err != nil {
			return err
		}
		if inv.Email != "" && !(user.EmailVerified && strings.EqualFold(user.Email, inv.Email)) {
			return errs.New(errs.Forbidden, "This invitation is for the address that it was sent to: confirm that it is yours in your settings, then open the link again")
		}
		if err := s.useInvite(ctx, tx, inv); err != nil {
			return err
		}
		return s.joinBy(ctx, tx, inv, user)
	}))
}

// useInvite takes one use, if there is one left.
func (s *Service) useInvite(ctx context.Context, tx *db.Tx, inv *Invite) error {
	n, err := tx.Exec(ctx, useInvite, inv.ID, s.now().UnixMicro())
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "This invitation has been used up: ask for a new one")
	}
	return err
}

// joinBy does what an invitation promises beside an account.
func (s *Service) joinBy(ctx context.Context, tx *db.Tx, inv *Invite, user userRow) error {
	if inv.OrgID != "" && s.o.Join != nil {
		err := s.o.Join(ctx, tx, inv.OrgID, user.ID, inv.Role)
		if err != nil && !errs.Is(err, errs.NotFound) { // the organisation may be gone: the account is promised all the same
			return err
		}
	}
	return s.noteBy(ctx, tx, "invite.accept", user, map[string]any{"invite": inv.ID})
}

// writeInvite writes the letter to the address that is invited.
func (s *Service) writeInvite(ctx context.Context, l letter) (*mail.Message, error) {
	code := newCode()
	var row inviteRow
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Get(ctx, &row, getInviteByID, l.ID, s.now().UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, setInviteCode, secretHash(code), row.ID)
		return err
	})
	if db.IsNoRows(err) {
		return nil, nil // revoked or used meanwhile
	}
	if err != nil {
		return nil, err
	}
	until := fromMicros(&row.ExpiresAt)
	return &mail.Message{To: row.Email, Subject: "You are invited to " + s.siteName(), Until: until, Text: "You are invited to " + s.siteName() +
		", a hub for models, datasets and Spaces. To make your account, open\n\n" + s.link(invitePath, code) + "\n\nThe link works once, until " +
		until.Format("2 January 2006, 15:04 UTC") + "."}, nil
}
