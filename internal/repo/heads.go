package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Head is what a repository's row says of its default branch.
type Head struct {
	ID            string
	Type          hub.RepoType
	Namespace     string
	Name          string
	DefaultBranch string `db:"default_branch"`
	Head          string // 40 hex; empty: no commit
}

// RepoID is the repository's name.
func (h *Head) RepoID() hub.RepoID {
	return hub.RepoID{Type: h.Type, Namespace: h.Namespace, Name: h.Name}
}

// Heads lists all repositories, in the order of their ids, up to limit after one.
func (s *Service) Heads(ctx context.Context, after string, limit int) (rows []Head, err error) {
	err = s.db.Select(ctx, &rows, `SELECT id, type, namespace, name, default_branch, head FROM repo WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	return rows, errs.Wrap("repo.Heads", err)
}

// HeadOf reads one anew; nil: there is none.
func (s *Service) HeadOf(ctx context.Context, q db.Queryer, id string) (*Head, error) {
	var row Head
	err := q.Get(ctx, &row, `SELECT id, type, namespace, name, default_branch, head FROM repo WHERE id = ?`, id)
	if db.IsNoRows(err) {
		return nil, nil
	}
	return &row, errs.Wrap("repo.HeadOf", err)
}
