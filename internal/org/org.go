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
)

// Org is an organisation.
type Org struct {
	ID        string
	Name      string
	Fullname  string
	CreatedAt time.Time
}

// NewOrg is what Create needs. AdminID is the user who becomes its first admin.
type NewOrg struct {
	Name          string
	Fullname      string
	AdminID       string
	SkipNameCheck bool
}

type orgRow struct {
	ID        string
	Name      string
	Fullname  string
	CreatedAt int64 `db:"created_at"`
}

func (r orgRow) org() *Org {
	return &Org{ID: r.ID, Name: r.Name, Fullname: r.Fullname, CreatedAt: time.UnixMicro(r.CreatedAt).UTC()}
}

// Service is the organisations of one hub.
type Service struct{ db *db.DB }

// New makes the service.
func New(d *db.DB) *Service { return &Service{db: d} }

// Create makes an organisation with its first admin and claims the name.
func (s *Service) Create(ctx context.Context, n NewOrg) (*Org, error) {
	n.Fullname = strings.TrimSpace(n.Fullname)
	if err := account.CheckName(n.Name, n.SkipNameCheck); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(n.Fullname) > maxFullname || strings.ContainsFunc(n.Fullname, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return nil, errs.New(errs.Invalid, "The full name must have at most %d characters and no control characters", maxFullname)
	}
	row := orgRow{ID: hub.NewID(), Name: n.Name, Fullname: n.Fullname, CreatedAt: time.Now().UnixMicro()}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := account.ClaimName(ctx, tx, row.Name, account.KindOrg, row.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertOrg, row.ID, row.Name, row.Fullname, row.CreatedAt); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, putMember, row.ID, n.AdminID, string(hub.RoleAdmin), row.CreatedAt); err != nil {
			return err
		}
		return note(ctx, tx, "org.create", row.ID, map[string]any{"name": row.Name, "admin": n.AdminID})
	})
	if err != nil {
		return nil, errs.Wrap("org.Create", err)
	}
	return row.org(), nil
}

// Get finds an organisation by name, compared without case.
func (s *Service) Get(ctx context.Context, name string) (*Org, error) {
	var row orgRow
	err := s.db.Get(ctx, &row, getByName, strings.ToLower(name))
	if db.IsNoRows(err) {
		return nil, errs.New(errs.NotFound, "Organization not found")
	}
	if err != nil {
		return nil, errs.Wrap("org.Get", err)
	}
	return row.org(), nil
}

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
