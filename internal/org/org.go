package org

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	maxFullname = 128
	onPage      = 100
	maxOnPage   = 1000
	maxLed      = 100 // organisations that one user may be admin of when making another: names are not for hoarding
)

// Org is an organisation.
type Org struct {
	ID        string
	Name      string
	CreatedAt time.Time
	Settings
}

// NewOrg is what Create needs. AdminID is the user who becomes its first admin.
type NewOrg struct {
	Name          string
	Fullname      string
	AdminID       string
	Bounded       bool // the admin makes it without anybody's leave, and not more than a hundred of them
	SkipNameCheck bool
}

type orgRow struct {
	ID                string
	Name              string
	Fullname          string
	DefaultVisibility string `db:"default_visibility"`
	ForcePrivate      bool   `db:"force_private"`
	CreateRole        string `db:"create_role"`
	MembersPublic     bool   `db:"members_public"`
	JoinRequests      bool   `db:"join_requests"`
	CreatedAt         int64  `db:"created_at"`
}

func (r orgRow) org() *Org {
	return &Org{ID: r.ID, Name: r.Name, CreatedAt: fromMicros(r.CreatedAt), Settings: Settings{
		Fullname: r.Fullname, DefaultVisibility: hub.Visibility(r.DefaultVisibility), ForcePrivate: r.ForcePrivate,
		CreateRole: hub.Role(r.CreateRole), MembersPublic: r.MembersPublic, JoinRequests: r.JoinRequests,
	}}
}

// Create makes an organisation with its first admin and claims the name.
func (s *Service) Create(ctx context.Context, n NewOrg) (*Org, error) {
	n.Fullname = strings.TrimSpace(n.Fullname)
	if err := account.CheckName(n.Name, n.SkipNameCheck); err != nil {
		return nil, err
	}
	if err := checkFullname(n.Fullname); err != nil {
		return nil, err
	}
	id, now := hub.NewID(), s.now()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := n.checkBound(ctx, tx); err != nil {
			return err
		}
		if err := account.ClaimName(ctx, tx, n.Name, account.KindOrg, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertOrg, id, n.Name, n.Fullname, now.UnixMicro()); err != nil {
			return err
		}
		if err := account.SetFullnameWords(ctx, tx, account.KindOrg, id, n.Fullname); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, putMember, id, n.AdminID, string(hub.RoleAdmin), now.UnixMicro()); err != nil {
			return err
		}
		return s.record(ctx, tx, "org.create", id, map[string]any{"name": n.Name, "admin": n.AdminID})
	})
	if err != nil {
		return nil, errs.Wrap("org.Create", err)
	}
	return s.GetByID(ctx, id)
}

func (n NewOrg) checkBound(ctx context.Context, tx *db.Tx) error {
	if !n.Bounded {
		return nil
	}
	var led int
	if err := tx.Get(ctx, &led, countLed, n.AdminID); err != nil {
		return err
	}
	if led >= maxLed {
		return errs.New(errs.Forbidden, "You are admin of %d organizations already, the most that one user may be when creating another", led)
	}
	return nil
}

// MayCreate asks whether users may make organisations, which the hub's administrators may keep to themselves.
func (s *Service) MayCreate(ctx context.Context, siteAdmin bool) error {
	if siteAdmin || s.hooks.MayCreate == nil {
		return nil
	}
	everybody, err := s.hooks.MayCreate(ctx)
	if err == nil && !everybody {
		err = errs.New(errs.Forbidden, "Only administrators of this hub create organizations: ask one of them")
	}
	return err
}

func checkFullname(name string) error {
	if utf8.RuneCountInString(name) > maxFullname || !db.IsText(name) || strings.ContainsFunc(name, isControl) {
		return errs.New(errs.Invalid, "The full name must have at most %d characters and no control characters", maxFullname)
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// Get finds an organisation by name, compared without case.
func (s *Service) Get(ctx context.Context, name string) (*Org, error) {
	if !db.IsText(name) {
		return nil, notFound()
	}
	return one(ctx, s.db, getByName, strings.ToLower(name))
}

// GetByID finds an organisation by id.
func (s *Service) GetByID(ctx context.Context, id string) (*Org, error) {
	return one(ctx, s.db, getByID, id)
}

func one(ctx context.Context, q db.Queryer, query, key string) (*Org, error) {
	var row orgRow
	err := q.Get(ctx, &row, query, key)
	if db.IsNoRows(err) {
		return nil, notFound()
	}
	if err != nil {
		return nil, errs.Wrap("org.Get", err)
	}
	return row.org(), nil
}

func notFound() error { return errs.New(errs.NotFound, "Organization not found") }

// List is a page of the organisations in order of their names, with the cursor of the next page, empty at the end.
func (s *Service) List(ctx context.Context, p hub.Page) ([]*Org, string, error) {
	p = p.Clamp(onPage, maxOnPage)
	var rows []orgRow
	if err := s.db.Select(ctx, &rows, listOrgs, p.Cursor, p.Limit+1); err != nil {
		return nil, "", errs.Wrap("org.List", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = strings.ToLower(rows[p.Limit-1].Name)
	}
	orgs := make([]*Org, len(rows))
	for i, r := range rows {
		orgs[i] = r.org()
	}
	return orgs, next, nil
}
