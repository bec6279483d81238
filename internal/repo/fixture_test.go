package repo_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
)

// world is a hub's repositories with a few people: alice and bob, the organisation acme whose admin is alice, and
// carol who may only read there.
type world struct {
	*testing.T
	db    *db.DB
	git   *gitstore.Store
	repos *repo.Service
	now   time.Time
	actor map[string]hub.Actor
}

func each(t *testing.T, test func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(newWorld(t, d)) })
}

var ctx = context.Background()

func newWorld(t *testing.T, d *db.DB) *world {
	blobs, err := fs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, db: d, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), actor: map[string]hub.Actor{"": {}}}
	w.git = gitstore.New(d, blobs, gitstore.Options{CacheDir: t.TempDir()})
	w.repos = repo.New(repo.Deps{DB: d, Git: w.git, Authz: authz.New(d), Quota: quota.New(quota.Deps{DB: d}), Key: []byte("test key"), Now: func() time.Time { return w.now },
		LFS: repo.LFSDefaults{Threshold: 5_000_000, KeepVersions: 5, Suffixes: []string{".safetensors", ".bin"}}})
	for _, name := range []string{"alice", "bob", "carol"} {
		w.user(name)
	}
	w.org("acme", map[string]hub.Role{"alice": hub.RoleAdmin, "carol": hub.RoleRead})
	w.actor["root"] = hub.Actor{UserID: hub.NewID(), Name: "root", SiteAdmin: true}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) user(name string) {
	w.Helper()
	id := hub.NewID()
	w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO users (id, name, created_at) VALUES (?, ?, 0)`, id, name); err != nil {
			return err
		}
		return account.ClaimName(ctx, tx, name, account.KindUser, id)
	}))
	w.actor[name] = hub.Actor{UserID: id, Name: name}
}

func (w *world) org(name string, members map[string]hub.Role) {
	w.Helper()
	id := hub.NewID()
	w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO orgs (id, name, created_at) VALUES (?, ?, 0)`, id, name); err != nil {
			return err
		}
		for user, role := range members {
			_, err := tx.Exec(ctx, `INSERT INTO org_member (org_id, user_id, role, created_at) VALUES (?, ?, ?, 0)`, id, w.actor[user].UserID, string(role))
			if err != nil {
				return err
			}
		}
		return account.ClaimName(ctx, tx, name, account.KindOrg, id)
	}))
}

func model(ns, name string) hub.RepoID {
	return hub.RepoID{Type: hub.Model, Namespace: ns, Name: name}
}

// create makes a repository in a namespace that alice or its own user may create in.
func (w *world) create(id hub.RepoID, v hub.Visibility) *repo.Repo {
	w.Helper()
	actor := w.actor[id.Namespace]
	if actor.Anonymous() {
		actor = w.actor["alice"]
	}
	n := repo.NewRepo{ID: id, Visibility: v}
	if id.Type == hub.Space {
		n.SDK = "static"
	}
	r, err := w.repos.Create(ctx, actor, n)
	w.must(err)
	return r
}

func (w *world) find(id hub.RepoID) (*repo.Repo, bool) {
	w.Helper()
	r, redirected, err := w.repos.Find(ctx, nil, id)
	w.must(err)
	return r, redirected
}

func (w *world) wantKind(err error, kind errs.Kind, what string) {
	w.Helper()
	if err == nil || errs.KindOf(err) != kind {
		w.Errorf("%s: %v, want kind %d", what, err, kind)
	}
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	_, err := w.db.Exec(ctx, query, args...)
	w.must(err)
}

// ids are the names in a list's items.
func ids(items []repo.Document) []string {
	out := []string{}
	for _, it := range items {
		out = append(out, it["id"].(string))
	}
	return out
}

// The parameters of hooks.
type (
	ctxT = context.Context
	txT  = *db.Tx
)

func settings(text string) repo.Settings {
	var s repo.Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		panic(err)
	}
	return s
}
