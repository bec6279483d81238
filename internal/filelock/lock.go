package filelock

import (
	"context"
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// MaxLocks bounds the locks of a repository.
const MaxLocks = 10_000

// MaxPage bounds a page of locks.
const MaxPage = 100

// Lock is one path that somebody holds.
type Lock struct {
	ID       string
	Path     string
	UserID   string
	Owner    string // the user's name
	LockedAt time.Time
}

// Service keeps locks.
type Service struct {
	db  *db.DB
	now func() time.Time
}

// New makes a service on a migrated database.
func New(d *db.DB) *Service { return &Service{d, d.Now} }

func notFound() error { return errs.New(errs.NotFound, "There is no such lock in this repository") }

// Create locks a path for the actor. If somebody holds it already, the actor included, the error is errs.Conflict and the
// lock that there is comes with it.
func (s *Service) Create(ctx context.Context, actor hub.Actor, repo hub.RepoRow, path string) (*Lock, error) {
	id, at := hub.NewID(), s.now().UnixMicro()
	var r row
	var held bool
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r = row{ID: id, Path: path, UserID: actor.UserID, LockedAt: at} // anew: the last attempt may have read another's
		var n int64
		if err := tx.Get(ctx, &n, countLocks, repo.ID); err != nil {
			return err
		}
		if n >= MaxLocks {
			return errs.New(errs.Unprocessable, "The repository has %d locks, which is all that it may have. Unlock some.", n)
		}
		n, err := tx.Exec(ctx, insertLock, r.ID, repo.ID, r.Path, r.UserID, r.LockedAt)
		if err != nil {
			return err
		}
		if held = n == 0; held {
			return tx.Get(ctx, &r, getByPath, repo.ID, path)
		}
		return note(ctx, tx, actor, repo, "repo.lock", r, false)
	})
	if err != nil {
		return nil, errs.Wrap("filelock.Create", err)
	}
	locks, err := s.named(ctx, []row{r})
	if err != nil {
		return nil, err
	}
	if held {
		return &locks[0], errs.New(errs.Conflict, "The file is locked already, by %s", locks[0].Owner)
	}
	return &locks[0], nil
}

func note(ctx context.Context, tx *db.Tx, actor hub.Actor, repo hub.RepoRow, kind string, r row, force bool) error {
	data := map[string]any{"lock": r.ID, "path": r.Path}
	if force {
		data["holder"] = r.UserID
	}
	return event.Append(ctx, tx, event.Event{RepoID: repo.ID, OwnerID: repo.OwnerID, Kind: kind, ActorID: actor.UserID, Data: data})
}

// Delete ends a lock and returns it. Somebody else's takes force, which the caller has found the actor to have the right to.
func (s *Service) Delete(ctx context.Context, actor hub.Actor, repo hub.RepoRow, id string, force bool) (*Lock, error) {
	var r row
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Get(ctx, &r, getLock, repo.ID, id); err != nil {
			if db.IsNoRows(err) {
				return notFound()
			}
			return err
		}
		if r.UserID != actor.UserID && !force {
			return errs.New(errs.Forbidden, "The lock is somebody else's: it takes force (git lfs unlock --force) to end it")
		}
		if _, err := tx.Exec(ctx, deleteLock, repo.ID, id); err != nil {
			return err
		}
		return note(ctx, tx, actor, repo, "repo.unlock", r, r.UserID != actor.UserID)
	})
	if err != nil {
		return nil, errs.Wrap("filelock.Delete", err)
	}
	locks, err := s.named(ctx, []row{r})
	if err != nil {
		return nil, err
	}
	return &locks[0], nil
}

// Get returns the lock with an id, or errs.NotFound.
func (s *Service) Get(ctx context.Context, repoID, id string) (*Lock, error) {
	return s.one(ctx, getLock, repoID, id)
}

// ByPath returns the lock on a path, or errs.NotFound.
func (s *Service) ByPath(ctx context.Context, repoID, path string) (*Lock, error) {
	return s.one(ctx, getByPath, repoID, path)
}

func (s *Service) one(ctx context.Context, query, repoID, key string) (*Lock, error) {
	var r row
	if err := s.db.Get(ctx, &r, query, repoID, key); err != nil {
		if db.IsNoRows(err) {
			return nil, notFound()
		}
		return nil, errs.Wrap("filelock.Get", err)
	}
	locks, err := s.named(ctx, []row{r})
	if err != nil {
		return nil, err
	}
	return &locks[0], nil
}

// List returns a page of a repository's locks, by path, and the cursor of the next.
func (s *Service) List(ctx context.Context, repoID string, p hub.Page) (locks []Lock, next string, err error) {
	after, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || !utf8.Valid(after) {
		return nil, "", errs.New(errs.Invalid, "Invalid cursor: give back the next_cursor of the page before as it is")
	}
	p = p.Clamp(MaxPage, MaxPage)
	var rows []row
	if err := s.db.Select(ctx, &rows, listLocks, repoID, string(after), p.Limit+1); err != nil {
		return nil, "", errs.Wrap("filelock.List", err)
	}
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(rows[p.Limit-1].Path))
	}
	locks, err = s.named(ctx, rows)
	return locks, next, err
}

// Others returns the locks of a repository that others than a user hold. q may be a transaction.
func (s *Service) Others(ctx context.Context, q db.Queryer, repoID, userID string) ([]Lock, error) {
	var rows []row
	if err := q.Select(ctx, &rows, listOthers, repoID, userID, MaxLocks); err != nil || len(rows) == 0 {
		return nil, errs.Wrap("filelock.Others", err)
	}
	return s.named(ctx, rows)
}

// named makes locks of rows.
func (s *Service) named(ctx context.Context, rows []row) ([]Lock, error) {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].UserID
	}
	names, err := account.Names(ctx, s.db, ids)
	if err != nil {
		return nil, err
	}
	locks := make([]Lock, len(rows))
	for i, r := range rows {
		locks[i] = Lock{r.ID, r.Path, r.UserID, names[r.UserID], time.UnixMicro(r.LockedAt).UTC()}
	}
	return locks, nil
}

// DropRepo ends all locks of a repository.
func DropRepo(ctx context.Context, tx *db.Tx, repoID string) error {
	_, err := tx.Exec(ctx, deleteRepo, repoID)
	return errs.Wrap("filelock.DropRepo", err)
}

// DropUser ends all locks of a user.
func DropUser(ctx context.Context, q db.Queryer, userID string) error {
	_, err := q.Exec(ctx, deleteUser, userID)
	return errs.Wrap("filelock.DropUser", err)
}
