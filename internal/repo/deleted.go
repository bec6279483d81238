package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
)

// A deleted repository has no row in repo any more, so that no door, no quota and no visibility test finds it. What it has in git
// and of large files stays under its id, which a row in repo_deleted remembers, until keep-deleted has passed.

const (
	insertDeleted = `INSERT INTO repo_deleted (repo_id, type, owner_id, namespace, name, deleted_by, deleted_at, bytes, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectDeleted = `SELECT repo_id, type, owner_id, namespace, name, deleted_by, deleted_at, bytes, data FROM repo_deleted WHERE repo_id = ?`
	listDeleted   = `SELECT repo_id, type, owner_id, namespace, name, deleted_by, deleted_at, bytes, '' AS data FROM repo_deleted
		WHERE repo_id > ? ORDER BY repo_id LIMIT ?`
	selectExpired = `SELECT repo_id FROM repo_deleted WHERE deleted_at <= ? AND repo_id > ? ORDER BY repo_id LIMIT ?`
	dropDeleted   = `DELETE FROM repo_deleted WHERE repo_id = ?`
	expireDeleted = `UPDATE repo_deleted SET deleted_at = 0 WHERE owner_id = ?`
	restoreRest   = `UPDATE repo SET disabled = ?, downloads_all = ?, lfs_keep_since = ? WHERE id = ?`
)

// Deleted is a repository that was deleted and may be brought back.
type Deleted struct {
	RowID     string
	ID        hub.RepoID // as it was called
	OwnerID   string
	DeletedBy string // user id
	At        time.Time
	Until     time.Time // when it is removed for good, unless it is held
	Held      bool
	Bytes     int64
}

type deletedRow struct {
	RepoID    string       `db:"repo_id"`
	Type      hub.RepoType `db:"type"`
	OwnerID   string       `db:"owner_id"`
	Namespace string
	Name      string
	DeletedBy string `db:"deleted_by"`
	DeletedAt int64  `db:"deleted_at"`
	Bytes     int64
	Data      string
}

func (s *Service) deletedOf(r *deletedRow) Deleted {
	at := time.UnixMicro(r.DeletedAt).UTC()
	return Deleted{RowID: r.RepoID, ID: hub.RepoID{Type: r.Type, Namespace: r.Namespace, Name: r.Name}, OwnerID: r.OwnerID,
		DeletedBy: r.DeletedBy, At: at, Until: at.Add(s.keepDeleted), Bytes: r.Bytes}
}

// shelve keeps a repository as deleted.
func (s *Service) shelve(ctx context.Context, tx *db.Tx, actor hub.Actor, r *Repo) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertDeleted, r.RowID, r.Type, r.OwnerID, r.Namespace, r.Name, actor.UserID, s.now().UnixMicro(), r.UsedStorage, string(data))
	return err
}

const (
	deletedAtOnce = 100
	failuresTold  = 20
)

// Deleted calls f with each repository that may be brought back.
func (s *Service) Deleted(ctx context.Context, f func(Deleted) error) error {
	for after := ""; ; {
		var rows []deletedRow
		if err := s.db.Select(ctx, &rows, listDeleted, after, deletedAtOnce); err != nil || len(rows) == 0 {
			return errs.Wrap("repo.Deleted", err)
		}
		ids := make([]string, len(rows))
		for i := range rows {
			ids[i] = rows[i].RepoID
		}
		held, err := hold.OfRepos(ctx, s.db, ids)
		if err != nil {
			return errs.Wrap("repo.Deleted", err)
		}
		for i := range rows {
			d := s.deletedOf(&rows[i])
			d.Held = held[d.RowID]
			if err := f(d); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// Undelete brings a repository back, under the name that it had or, if to is not empty, another one, which may be somebody
// else's. Its owner's quota must have room. Likes, deploy keys, file locks and old names that led to it do not come back.
func (s *Service) Undelete(ctx context.Context, actor hub.Actor, rowID string, to hub.RepoID) (*Repo, error) {
	if err := s.authz.Site(actor, authz.SiteAdmin); err != nil {
		return nil, err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var row deletedRow
		err := tx.Get(ctx, &row, selectDeleted, rowID)
		if db.IsNoRows(err) {
			return errs.New(errs.NotFound, "There is no deleted repository %q: 'cairn repo deleted' lists them", rowID)
		}
		if err != nil {
			return err
		}
		return s.unshelve(ctx, tx, actor, &row, to)
	})
	if err != nil {
		return nil, taken(err, to)
	}
	return s.Get(ctx, nil, rowID)
}

func (s *Service) unshelve(ctx context.Context, tx *db.Tx, actor hub.Actor, row *deletedRow, to hub.RepoID) error {
	r := &Repo{}
	if err := json.Unmarshal([]byte(row.Data), r); err != nil {
		return err
	}
	owner, err := s.heir(ctx, tx, row, to)
	if err != nil {
		return err
	}
	r.OwnerID, r.Namespace = owner.ID, owner.Name
	if to.Name != "" {
		r.Name = to.Name
	}
	if err := CheckName(r.Namespace, r.Name); err != nil {
		return err
	}
	if err := s.claim(ctx, tx, r, "", r.Visibility); err != nil {
		return err
	}
	if r.LFSKeepSince != nil { // nothing is given up at once
		now := s.now().UnixMicro()
		r.LFSKeepSince = &now
	}
	if _, err := tx.Exec(ctx, restoreRest, r.Disabled, r.DownloadsAll, r.LFSKeepSince, r.RowID); err != nil {
		return err
	}
	if err := s.countAgain(ctx, tx, r.RowID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, dropDeleted, r.RowID); err != nil {
		return err
	}
	return s.record(ctx, tx, "repo.undelete", actor, r, nil)
}

// heir is whose the repository is to be: who owned it, unless another name says something else.
func (s *Service) heir(ctx context.Context, tx *db.Tx, row *deletedRow, to hub.RepoID) (account.Owner, error) {
	if to.Namespace != "" {
		return account.Namespace(ctx, tx, to.Namespace)
	}
	owner, err := account.OwnerByID(ctx, tx, row.OwnerID)
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.Conflict, "Its owner %s is gone as well: give it to somebody with --name NAMESPACE/NAME", row.Namespace)
	}
	return owner, err
}

// countAgain counts what the repository has against its owner's quota, and has its files say again what they say.
func (s *Service) countAgain(ctx context.Context, tx *db.Tx, rowID string) error {
	packs, err := s.git.Usage(ctx, tx, rowID)
	if err != nil {
		return err
	}
	s.quota.GrowPacks(ctx, tx, rowID, packs, false)
	if s.hooks.Undeleted == nil {
		return nil
	}
	return s.hooks.Undeleted(ctx, tx, rowID)
}

// Purge removes for good what was deleted longer ago than keep-deleted, unless it is held. It says how many went. One
// that cannot be removed does not keep the others; the error is then of all such.
func (s *Service) Purge(ctx context.Context) (n int, err error) {
	before := s.now().Add(-s.keepDeleted).UnixMicro()
	var failed []error
	for after := ""; ; {
		var ids []string
		if err := s.db.Select(ctx, &ids, selectExpired, before, after, deletedAtOnce); err != nil || len(ids) == 0 {
			return n, errs.Wrap("repo.Purge", errors.Join(append(failed, err)...))
		}
		for _, id := range ids {
			gone, err := s.purge(ctx, id, before)
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
			if err != nil && len(failed) < failuresTold {
				failed = append(failed, fmt.Errorf("deleted repository %s: %w", id, err))
			}
			if gone && err == nil {
				n++
			}
		}
		after = ids[len(ids)-1]
	}
}

func (s *Service) purge(ctx context.Context, id string, before int64) (gone bool, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		gone = false
		var row deletedRow
		err := tx.Get(ctx, &row, selectDeleted, id)
		if db.IsNoRows(err) || err == nil && row.DeletedAt > before {
			return nil // it was brought back
		}
		if err != nil {
			return err
		}
		if held, err := hold.OfRepo(ctx, tx, id); held || err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropDeleted, id); err != nil {
			return err
		}
		gone = true
		if err := s.dropContent(ctx, tx, id); err != nil {
			return err
		}
		r := &Repo{RowID: id, Type: row.Type, OwnerID: row.OwnerID, Namespace: row.Namespace, Name: row.Name, Visibility: hub.Private}
		return s.record(ctx, tx, "repo.purge", hub.Actor{}, r, nil)
	})
	return gone, err
}

// dropContent ends what a repository has in git and of large files; the bytes that nothing names any more are collected later.
func (s *Service) dropContent(ctx context.Context, tx *db.Tx, rowID string) error {
	if err := s.git.DeleteRepo(ctx, tx, rowID); err != nil {
		return err
	}
	if s.hooks.DropFiles == nil {
		return nil
	}
	return s.hooks.DropFiles(ctx, tx, rowID)
}

// ExpireDeleted has the deleted repositories of an owner who goes away removed at the next look. It is one of
// account.Options.BeforeDelete, and of org.Hooks'.
func ExpireDeleted(ctx context.Context, q db.Queryer, ownerID string) error {
	_, err := q.Exec(ctx, expireDeleted, ownerID)
	return errs.Wrap("repo.ExpireDeleted", err)
}
