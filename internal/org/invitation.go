package org

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/mail"
)

// The bounds of invitations.
const (
	MaxInvitationUses = 10_000
	MinInvitationLife = time.Hour
	MaxInvitationLife = 90 * 24 * time.Hour
	invitationLife    = 7 * 24 * time.Hour
	maxInvitations    = 500                 // of one organisation that can still be used
	keepInvitations   = 30 * 24 * time.Hour // that cannot be used any more
	codeBytes         = 24
	maxCode           = 64
)

// Invitation is an offer of a membership, without its code.
type Invitation struct {
	ID        string
	OrgID     string
	OrgName   string
	Role      hub.Role
	User      string // name of the only user who may use it
	Email     string // whose owner alone may use it; with neither, whoever has the code
	CreatedBy string // name; empty: the operator, or a user who is gone
	MaxUses   int64
	Uses      int64
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time // revoked or declined; zero: neither
}

// NewInvitation is what Invite needs. At most one of User and Email is given.
type NewInvitation struct {
	Role    hub.Role
	User    string // name
	Email   string
	MaxUses int64         // 0: one
	Life    time.Duration // 0: a week
	By      string        // user id; empty: the operator
}

type invitationRow struct {
	ID        string
	OrgID     string `db:"org_id"`
	OrgName   string `db:"org_name"`
	Role      string
	UserID    *string `db:"user_id"`
	UserName  *string `db:"user_name"`
	Email     string
	CreatedBy string  `db:"created_by"`
	ByName    *string `db:"by_name"`
	MaxUses   int64   `db:"max_uses"`
	Uses      int64
	CreatedAt int64  `db:"created_at"`
	ExpiresAt int64  `db:"expires_at"`
	EndedAt   *int64 `db:"ended_at"`
}

func (r invitationRow) invitation() *Invitation {
	i := &Invitation{ID: r.ID, OrgID: r.OrgID, OrgName: r.OrgName, Role: hub.Role(r.Role), Email: r.Email, MaxUses: r.MaxUses, Uses: r.Uses,
		CreatedAt: fromMicros(r.CreatedAt), ExpiresAt: fromMicros(r.ExpiresAt)}
	if r.UserName != nil {
		i.User = *r.UserName
	}
	if r.ByName != nil {
		i.CreatedBy = *r.ByName
	}
	if r.EndedAt != nil {
		i.EndedAt = fromMicros(*r.EndedAt)
	}
	return i
}

// bound reports whether the invitation is for one person.
func (r invitationRow) bound() bool { return r.UserID != nil || r.Email != "" }

// ended says why an invitation cannot be used any more; nil while it can.
func (r invitationRow) ended(now time.Time) error {
	switch {
	case r.EndedAt != nil:
		return errs.New(errs.Conflict, "This invitation was withdrawn or declined: ask for another one")
	case r.Uses >= r.MaxUses:
		return errs.New(errs.Conflict, "This invitation has been used: ask for another one")
	case r.ExpiresAt <= now.UnixMicro():
		return errs.New(errs.Conflict, "This invitation has expired: ask for another one")
	}
	return nil
}

// Invite makes an invitation and the code that proves it, which is stored hashed and told once. Whoever is invited by
// name or e-mail gets it by mail. A new invitation of the same person takes the place of the one before.
func (s *Service) Invite(ctx context.Context, orgID string, n NewInvitation) (*Invitation, string, error) {
	if err := n.complete(); err != nil {
		return nil, "", err
	}
	id, code, now := hub.NewID(), newCode(), s.now()
	var row invitationRow
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		o, err := one(ctx, tx, getByID, orgID)
		if err != nil {
			return err
		}
		to, err := s.invitee(ctx, tx, o, n)
		if err != nil {
			return err
		}
		if err := s.makeRoom(ctx, tx, orgID, to, n.Email); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertInvitation, id, orgID, hashCode(code), string(n.Role), to.id(), n.Email, n.By, n.MaxUses,
			now.UnixMicro(), now.Add(n.Life).UnixMicro()); err != nil {
			return err
		}
		if err := tx.Get(ctx, &row, invitationByID, id); err != nil {
			return err
		}
		if err := s.mailInvitation(ctx, tx, row, to.address(n.Email), code); err != nil {
			return err
		}
		return s.record(ctx, tx, "org.invitation.create", orgID, map[string]any{
			"invitation": id, "role": string(n.Role), "user": to.UserID, "name": n.User, "email": n.Email, "maxUses": n.MaxUses})
	})
	if err != nil {
		return nil, "", errs.Wrap("org.Invite", err)
	}
	return row.invitation(), code, nil
}

func (n *NewInvitation) complete() error {
	n.Email = strings.ToLower(strings.TrimSpace(n.Email))
	if err := checkRole(n.Role); err != nil {
		return err
	}
	if n.MaxUses == 0 {
		n.MaxUses = 1
	}
	if n.Life == 0 {
		n.Life = invitationLife
	}
	bound := n.User != "" || n.Email != ""
	switch {
	case n.Role == hub.RoleNone:
		return errs.New(errs.Invalid, "An invitation gives a role: read, contributor, write or admin")
	case n.User != "" && n.Email != "":
		return errs.New(errs.Invalid, "Invite somebody by user name or by e-mail, not by both")
	case bound && n.MaxUses != 1:
		return errs.New(errs.Invalid, "An invitation for one person can be used once")
	case n.MaxUses < 1 || n.MaxUses > MaxInvitationUses:
		return errs.New(errs.Invalid, "An invitation can be used 1 to %d times", MaxInvitationUses)
	case n.Life < MinInvitationLife || n.Life > MaxInvitationLife:
		return errs.New(errs.Invalid, "An invitation ends after one hour to 90 days")
	}
	if n.Email != "" {
		return mail.CheckAddress(n.Email)
	}
	return nil
}

// personRow is a user as far as invitations must know one.
type personRow struct {
	UserID        string `db:"id"`
	Name          string
	Email         string
	EmailVerified bool `db:"email_verified"`
}

func (p personRow) id() *string {
	if p.UserID == "" {
		return nil
	}
	return &p.UserID
}

// address is where an invitation is sent: to the address that is invited, or to the user's own, if it is proven.
func (p personRow) address(email string) string {
	if email == "" && p.EmailVerified {
		return p.Email
	}
	return email
}

// owns reports whether an address is proven to be the user's.
func (p personRow) owns(email string) bool {
	return p.EmailVerified && email != "" && strings.ToLower(p.Email) == email
}

// invitee finds the user who is invited by name; the zero row for an invitation without one.
func (s *Service) invitee(ctx context.Context, tx *db.Tx, o *Org, n NewInvitation) (p personRow, err error) {
	if n.User == "" {
		return p, nil
	}
	owner, err := account.Namespace(ctx, tx, n.User)
	if errs.Is(err, errs.NotFound) || err == nil && owner.Kind != account.KindUser {
		return p, errs.New(errs.NotFound, "There is no user named %q", clip(n.User))
	}
	if err != nil {
		return p, err
	}
	if _, member, err := roleOf(ctx, tx, o.ID, owner.ID); err != nil || member {
		if member {
			err = errs.New(errs.Conflict, "%s is a member of the organization already", owner.Name)
		}
		return p, err
	}
	return p, tx.Get(ctx, &p, getPerson, owner.ID)
}

// makeRoom ends the invitation of the same person, forgets old ones, and bounds how many there are.
func (s *Service) makeRoom(ctx context.Context, tx *db.Tx, orgID string, to personRow, email string) error {
	now := s.now()
	if _, err := tx.Exec(ctx, purgeInvitations, orgID, now.Add(-keepInvitations).UnixMicro(), now.Add(-keepInvitations).UnixMicro()); err != nil {
		return err
	}
	if to.UserID != "" || email != "" {
		if _, err := tx.Exec(ctx, replaceInvitation, now.UnixMicro(), orgID, to.UserID, email); err != nil {
			return err
		}
	}
	var open int64
	if err := tx.Get(ctx, &open, countInvitations, orgID, now.UnixMicro()); err != nil {
		return err
	}
	if open >= maxInvitations {
		return errs.New(errs.Conflict, "The organization has %d invitations that can still be used: revoke some first", open)
	}
	return nil
}

func newCode() string {
	var b [codeBytes]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashCode(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// Invitations are those of an organisation that can still be used, the newest first. Their number is bounded by Invite.
func (s *Service) Invitations(ctx context.Context, orgID string) ([]*Invitation, error) {
	list, err := s.invitations(ctx, openInvitations, orgID, s.now().UnixMicro(), maxInvitations)
	return list, errs.Wrap("org.Invitations", err)
}

// InvitationsFor are those that a user may accept because they name the user or an address that is proven to be theirs.
func (s *Service) InvitationsFor(ctx context.Context, userID string) ([]*Invitation, error) {
	list, err := s.invitations(ctx, invitationsFor, userID, userID, s.now().UnixMicro(), onPage)
	return list, errs.Wrap("org.InvitationsFor", err)
}

func (s *Service) invitations(ctx context.Context, query string, args ...any) ([]*Invitation, error) {
	var rows []invitationRow
	if err := s.db.Select(ctx, &rows, query, args...); err != nil {
		return nil, err
	}
	list := make([]*Invitation, len(rows))
	for i, r := range rows {
		list[i] = r.invitation()
	}
	return list, nil
}

// InvitationByCode is what a code invites to. The error of one that cannot be used any more says why.
func (s *Service) InvitationByCode(ctx context.Context, code string) (*Invitation, error) {
	row, err := findInvitation(ctx, s.db, Way{Code: code})
	if err == nil {
		err = row.ended(s.now())
	}
	if err != nil {
		return nil, errs.Wrap("org.InvitationByCode", err)
	}
	return row.invitation(), nil
}

// Revoke ends an invitation of an organisation.
func (s *Service) Revoke(ctx context.Context, orgID, id string) error {
	if !db.IsText(id) {
		return errs.New(errs.NotFound, "There is no such invitation, or it was ended before")
	}
	return errs.Wrap("org.Revoke", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, endInvitation, s.now().UnixMicro(), orgID, id)
		if err == nil && n == 0 {
			err = errs.New(errs.NotFound, "There is no such invitation, or it was ended before")
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, "org.invitation.revoke", orgID, map[string]any{"invitation": id})
	}))
}
