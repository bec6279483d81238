package repo

import (
	"context"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Overview is a repository as administrators of the hub list it.
type Overview struct {
	ID          hub.RepoID
	RowID       string
	Visibility  hub.Visibility
	Disabled    bool
	UsedStorage int64 // bytes
	CreatedAt   time.Time
	ModifiedAt  time.Time
}

// OverviewQuery picks repositories; what is empty picks all.
type OverviewQuery struct {
	Search   string // must be in ns/name, whatever its case
	OwnerID  string
	Type     hub.RepoType
	Disabled *bool
	Page     hub.Page
}

// Overviews is a page of all repositories that q picks, by row id. It is for administrators of the hub: it hides nothing.
func (s *Service) Overviews(ctx context.Context, q OverviewQuery) (list []Overview, next string, err error) {
	if len(q.Search) > maxSearch || !db.IsText(q.Search+q.Page.Cursor) {
		return nil, "", errs.New(errs.Invalid, "A search for repositories may have at most %d bytes", maxSearch)
	}
	p := q.Page.Clamp(100, MaxLimit)
	text, args := fragOverview, []any{p.Cursor}
	if q.Search != "" {
		text, args = text+` AND name_key LIKE ? ESCAPE '!'`, append(args, db.Containing(strings.ToLower(q.Search)))
	}
	if q.OwnerID != "" {
		text, args = text+` AND owner_id = ?`, append(args, q.OwnerID)
	}
	if q.Type != "" {
		text, args = text+` AND type = ?`, append(args, q.Type)
	}
	if q.Disabled != nil {
		text, args = text+` AND disabled = ?`, append(args, *q.Disabled)
	}
	var rows []Repo
	if err := s.db.Select(ctx, &rows, text+fragOverviewOrder, append(args, p.Limit+1)...); err != nil {
		return nil, "", errs.Wrap("repo.Overviews", err)
	}
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = rows[p.Limit-1].RowID
	}
	list = make([]Overview, len(rows))
	for i, r := range rows {
		list[i] = Overview{r.ID(), r.RowID, r.Visibility, r.Disabled, r.UsedStorage, time.UnixMicro(r.CreatedAt).UTC(), r.Modified()}
	}
	return list, next, nil
}

const maxReason = 1000 // bytes

// SetDisabled shuts a repository, so that nobody but administrators of the hub reads its content or changes it, or opens
// it again.
func (s *Service) SetDisabled(ctx context.Context, actor hub.Actor, id hub.RepoID, disabled bool, reason string) error {
	if len(reason) > maxReason || !db.IsText(reason) {
		return errs.New(errs.Invalid, "A reason may have at most %d bytes", maxReason)
	}
	r, _, err := s.Find(ctx, nil, id)
	if err != nil {
		return err
	}
	if err := s.authz.Site(actor, authz.SiteAdmin); err != nil {
		return err
	}
	return errs.Wrap("repo.SetDisabled", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, setDisabled, disabled, r.RowID, disabled)
		if err != nil || n == 0 {
			return err // it is as it should be
		}
		kind, more := "repo.enable", map[string]any{}
		if disabled {
			kind = "repo.disable"
		}
		if reason != "" {
			more["reason"] = reason
		}
		return s.record(ctx, tx, kind, actor, r, more)
	}))
}
