package quota_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/jackc/pgx/v5/pgconn"
)

// world is a hub's quotas with one user's one repository, whose packs and large files take what the maps say.
type world struct {
	*testing.T
	db           *db.DB
	quota        *quota.Service
	owner, repo  string
	large, packs map[string]int64
	def          quota.Defaults
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{T: t, db: d, owner: hub.NewID(), repo: hub.NewID(), large: map[string]int64{}, packs: map[string]int64{}, def: quota.Unlimited()}
	w.exec(`INSERT INTO users (id, name, created_at) VALUES (?, 'alice', 0)`, w.owner)
	w.exec(`INSERT INTO namespace (name_key, name, kind, owner_id) VALUES ('alice', 'alice', 'user', ?)`, w.owner)
	w.insertRepo(w.repo, "public")
	w.quota = quota.New(quota.Deps{DB: d, Record: w.record, Repos: w, Defaults: func(context.Context, db.Queryer) (quota.Defaults, error) { return w.def, nil },
		Large: func(context.Context, db.Queryer, []string) (map[string]int64, error) { return w.large, nil },
		Packs: func(context.Context, db.Queryer, []string) (map[string]int64, error) { return w.packs, nil }})
	return w
}

func (w *world) record(ctx context.Context, tx *db.Tx, repoID string, bytes int64) error {
	_, err := tx.Exec(ctx, `UPDATE repo SET used_storage = ? WHERE id = ?`, bytes, repoID)
	return err
}

// insertRepo makes a repository's row that the quotas do not know of.
func (w *world) insertRepo(id, visibility string) {
	w.Helper()
	w.exec(`INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at)
		VALUES (?, 'model', ?, 'alice', ?, ?, ?, ?, 0, 0)`, id, w.owner, id, "alice/"+id, w.owner, visibility)
}

// PlaceOf and Places are quota.Repos, on the rows that insertRepo has made.
func (w *world) PlaceOf(ctx context.Context, q db.Queryer, repoID string) (*quota.Placed, error) {
	list, err := w.Places(ctx, q, "", 100)
	for _, p := range list {
		if p.RepoID == repoID {
			return &p, err
		}
	}
	return nil, err
}

func (w *world) Places(ctx context.Context, q db.Queryer, after string, limit int) (list []quota.Placed, err error) {
	var rows []struct {
		ID         string
		OwnerID    string `db:"owner_id"`
		Visibility string
	}
	err = q.Select(ctx, &rows, `SELECT id, owner_id, visibility FROM repo WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	for _, r := range rows {
		list = append(list, quota.Placed{RepoID: r.ID, OwnerID: r.OwnerID, Private: r.Visibility == "private"})
	}
	return list, err
}

// tx runs f in a transaction.
func (w *world) tx(f func(tx *db.Tx) error) error { return w.db.Tx(w.Context(), f) }

func (w *world) exec(query string, args ...any) {
	w.Helper()
	w.must(w.db.Tx(w.Context(), func(tx *db.Tx) error { _, err := tx.Exec(w.Context(), query, args...); return err }))
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// isDeadlock reports that PostgreSQL gave a transaction up since others waited for it and it for them.
func isDeadlock(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "40P01"
}
