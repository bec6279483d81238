package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Head is what a repository's row says of its default branch. Of a deleted one that may be brought back it is the name alone.
type Head struct {
	ID            string
	Type          hub.RepoType
	Namespace     string
	Name          string
	DefaultBranch string `db:"default_branch"`
	Head          string // 40 hex; empty: no commit
	Deleted       bool   // the name is the one that it had, and may be another's now
}

// RepoID is the repository's name.
func (h *Head) RepoID() hub.RepoID {
	return hub.RepoID{Type: h.Type, Namespace: h.Namespace, Name: h.Name}
}

// Both in one statement: a repository is in one of the tables at each moment, whoever deletes it or brings it back meanwhile.
const (
	listHeads = `SELECT id, type, namespace, name, default_branch, head, FALSE AS deleted FROM repo WHERE id > ?
		UNION ALL SELECT repo_id, type, namespace, name, '', '', TRUE FROM repo_deleted WHERE repo_id > ? ORDER BY id LIMIT ?`
	selectHead = `SELECT id, type, namespace, name, default_branch, head, FALSE AS deleted FROM repo WHERE id = ?
		UNION ALL SELECT repo_id, type, namespace, name, '', '', TRUE FROM repo_deleted WHERE repo_id = ?`
)

// Heads lists all repositories, and deleted ones that may be brought back, in the order of their ids, up to limit after one.
func (s *Service) Heads(ctx context.Context, after string, limit int) (rows []Head, err error) {
	err = s.db.Select(ctx, &rows, listHeads, after, after, limit)
	return rows, errs.Wrap("repo.Heads", err)
}

// HeadOf reads one anew; nil: there is none, nor one to bring back.
func (s *Service) HeadOf(ctx context.Context, q db.Queryer, id string) (*Head, error) {
	var row Head
	err := q.Get(ctx, &row, selectHead, id, id)
	if db.IsNoRows(err) {
		return nil, nil
	}
	return &row, errs.Wrap("repo.HeadOf", err)
}
