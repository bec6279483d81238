package org

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	membersOnPage = 500
	maxMembers    = 10_000
	maxSearch     = 100
)

// Member is a user's place in an organisation, with what the hub knows of the user.
type Member struct {
	UserID        string
	Role          hub.Role
	CreatedAt     time.Time
	Name          string
	Fullname      string
	Email         string // for the organisation's admins
	EmailVerified bool
	Suspended     bool
}

// MemberQuery narrows a list of members; the zero value asks for all who have access.
type MemberQuery struct {
	Search       string   // part of the name or full name, without case
	Email        string   // exactly, without case
	Role         hub.Role // empty: any
	WithNoAccess bool     // also those whose role is no_access
	Page         hub.Page
}

type memberRow struct {
	UserID        string `db:"user_id"`
	Role          string
	CreatedAt     int64 `db:"created_at"`
	Name          string
	Fullname      string
	Email         string
	EmailVerified bool   `db:"email_verified"`
	DisabledAt    *int64 `db:"disabled_at"`
}

func (r memberRow) member() Member {
	return Member{UserID: r.UserID, Role: hub.Role(r.Role), CreatedAt: fromMicros(r.CreatedAt), Name: r.Name, Fullname: r.Fullname,
		Email: r.Email, EmailVerified: r.EmailVerified, Suspended: r.DisabledAt != nil}
}

// Members is a page of an organisation's members in the order of their joining, and the cursor of the next page, empty at
// the end.
func (s *Service) Members(ctx context.Context, orgID string, q MemberQuery) ([]Member, string, error) {
	q.Page = q.Page.Clamp(membersOnPage, maxMembers)
	query, args, err := q.statement(orgID)
	if err != nil {
		return nil, "", err
	}
	var rows []memberRow
	if err := s.db.Select(ctx, &rows, query, args...); err != nil {
		return nil, "", errs.Wrap("org.Members", err)
	}
	next := ""
	if len(rows) > q.Page.Limit {
		rows = rows[:q.Page.Limit]
		last := rows[q.Page.Limit-1]
		next = joined(last.CreatedAt, last.UserID)
	}
	members := make([]Member, len(rows))
	for i, r := range rows {
		members[i] = r.member()
	}
	return members, next, nil
}

func (q MemberQuery) statement(orgID string) (string, []any, error) {
	query, args := fragMembers, []any{orgID}
	add := func(part string, more ...any) { query, args = query+part, append(args, more...) }
	if q.Role != "" {
		if err := checkRole(q.Role); err != nil {
			return "", nil, err
		}
		add(fragOfRole, string(q.Role))
	}
	if !q.WithNoAccess {
		add(fragWithAccess)
	}
	if len(q.Search) > maxSearch || !db.IsText(q.Search+q.Email) {
		return "", nil, errs.New(errs.Invalid, "Search for at most %d characters", maxSearch)
	}
	if q.Email != "" {
		add(fragOfEmail, strings.ToLower(q.Email))
	}
	if q.Search != "" {
		like := db.Containing(strings.ToLower(q.Search))
		add(fragNamed, like, like)
	}
	if q.Page.Cursor != "" {
		at, id, err := parseJoined(q.Page.Cursor)
		if err != nil {
			return "", nil, err
		}
		add(fragAfter, at, at, id)
	}
	add(fragInOrder, q.Page.Limit+1)
	return query, args, nil
}

// joined is a cursor of lists in the order of time.
func joined(at int64, id string) string { return strconv.FormatInt(at, 36) + "-" + id }

func parseJoined(cursor string) (at int64, id string, err error) {
	first, id, ok := strings.Cut(cursor, "-")
	at, err = strconv.ParseInt(first, 36, 64)
	if !ok || err != nil || !db.IsText(id) {
		return 0, "", errs.New(errs.Invalid, "The cursor is not one of this list: begin without it")
	}
	return at, id, nil
}
