package org

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	maxMessage  = 500  // characters
	maxRequests = 1000 // of one organisation that wait for an answer
	askAgain    = 7 * 24 * time.Hour
)

// JoinRequest is somebody's wish to become a member.
type JoinRequest struct {
	UserID    string
	Name      string
	Fullname  string
	Message   string
	CreatedAt time.Time
}

// RequestToJoin asks the admins of an organisation for a membership.
func (s *Service) RequestToJoin(ctx context.Context, orgID, userID, message string) error {
	message = strings.TrimSpace(message)
	if utf8.RuneCountInString(message) > maxMessage || !db.IsText(message) {
		return errs.New(errs.Invalid, "The message must have at most %d characters", maxMessage)
	}
	return errs.Wrap("org.RequestToJoin", s.db.Tx(ctx, func(tx *db.Tx) error {
		o, err := one(ctx, tx, getByID, orgID)
		if err != nil {
			return err
		}
		if err := s.mayRequest(ctx, tx, o, userID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, putJoinRequest, orgID, userID, message, s.now().UnixMicro()); err != nil {
			return err
		}
		if err := s.mailRequest(ctx, tx, o, userID); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, "org.request.create", orgID, userID, nil)
	}))
}

func (s *Service) mayRequest(ctx context.Context, tx *db.Tx, o *Org, userID string) error {
	if !o.JoinRequests {
		return errs.New(errs.Forbidden, "This organization takes no requests to join: ask one of its admins for an invitation")
	}
	if _, member, err := roleOf(ctx, tx, o.ID, userID); err != nil || member {
		if member {
			err = errs.New(errs.Conflict, "You are a member of the organization already")
		}
		return err
	}
	var before struct {
		DeniedAt *int64 `db:"denied_at"`
	}
	err := tx.Get(ctx, &before, getJoinRequest, o.ID, userID)
	switch {
	case err != nil && !db.IsNoRows(err):
		return err
	case err == nil && before.DeniedAt == nil:
		return errs.New(errs.Conflict, "You have asked to join already; its admins have not answered yet")
	case err == nil && fromMicros(*before.DeniedAt).Add(askAgain).After(s.now()):
		return errs.New(errs.Conflict, "Your request to join was denied: ask again in a week")
	}
	var waiting int64
	if err := tx.Get(ctx, &waiting, countJoinRequests, o.ID); err != nil {
		return err
	}
	if waiting >= maxRequests {
		return errs.New(errs.Conflict, "The organization has %d requests that wait for an answer: try again later", waiting)
	}
	return nil
}

// WithdrawRequest takes the caller's request back.
func (s *Service) WithdrawRequest(ctx context.Context, orgID, userID string) error {
	return errs.Wrap("org.WithdrawRequest", s.answer(ctx, orgID, userID, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, dropJoinRequest, orgID, userID); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, "org.request.withdraw", orgID, userID, nil)
	}))
}

// ApproveRequest makes who asked a member.
func (s *Service) ApproveRequest(ctx context.Context, orgID, userID string, role hub.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return errs.Wrap("org.ApproveRequest", s.answer(ctx, orgID, userID, func(tx *db.Tx) error {
		if err := s.Join(ctx, tx, orgID, userID, role, map[string]any{"request": true}); err != nil {
			return err
		}
		return s.mailApproval(ctx, tx, orgID, userID)
	}))
}

// DenyRequest refuses a request; the user may ask again after a week.
func (s *Service) DenyRequest(ctx context.Context, orgID, userID string) error {
	return errs.Wrap("org.DenyRequest", s.answer(ctx, orgID, userID, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, denyJoinRequest, s.now().UnixMicro(), orgID, userID); err != nil {
			return err
		}
		return s.recordOf(ctx, tx, "org.request.deny", orgID, userID, nil)
	}))
}

// answer does something about a request that waits for an answer.
func (s *Service) answer(ctx context.Context, orgID, userID string, f func(tx *db.Tx) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		var row struct {
			DeniedAt *int64 `db:"denied_at"`
		}
		err := tx.Get(ctx, &row, getJoinRequest, orgID, userID)
		if db.IsNoRows(err) || err == nil && row.DeniedAt != nil {
			return errs.New(errs.NotFound, "There is no request of this user that waits for an answer")
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// JoinRequests is a page of the requests that wait for an answer, the oldest first, and the cursor of the next page.
func (s *Service) JoinRequests(ctx context.Context, orgID string, p hub.Page) ([]JoinRequest, string, error) {
	p = p.Clamp(onPage, maxOnPage)
	at, id := int64(-1), ""
	if p.Cursor != "" {
		var err error
		if at, id, err = parseJoined(p.Cursor); err != nil {
			return nil, "", err
		}
	}
	var rows []struct {
		UserID    string `db:"user_id"`
		Name      string
		Fullname  string
		Message   string
		CreatedAt int64 `db:"created_at"`
	}
	if err := s.db.Select(ctx, &rows, listJoinRequests, orgID, at, at, id, p.Limit+1); err != nil {
		return nil, "", errs.Wrap("org.JoinRequests", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = joined(rows[p.Limit-1].CreatedAt, rows[p.Limit-1].UserID)
	}
	list := make([]JoinRequest, len(rows))
	for i, r := range rows {
		list[i] = JoinRequest{r.UserID, r.Name, r.Fullname, r.Message, fromMicros(r.CreatedAt)}
	}
	return list, next, nil
}

// HasRequested reports whether a user waits for an answer.
func (s *Service) HasRequested(ctx context.Context, orgID, userID string) (bool, error) {
	var row struct {
		DeniedAt *int64 `db:"denied_at"`
	}
	err := s.db.Get(ctx, &row, getJoinRequest, orgID, userID)
	if db.IsNoRows(err) {
		return false, nil
	}
	return err == nil && row.DeniedAt == nil, errs.Wrap("org.HasRequested", err)
}
