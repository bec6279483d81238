package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

var ctx = context.Background()

var kinds = []backup.Kind{
	{Name: "xorb", Prefix: xetstore.KeyPrefix, Each: xetstore.EachObject, Copy: xetstore.CopyObject, Repos: xetstore.ReposOf, Lost: xetstore.IsLost, Adopt: xetstore.Adopt},
	{Name: "pack", Prefix: gitstore.KeyPrefix, Each: gitstore.EachObject, Copy: gitstore.CopyObject, Repos: gitstore.ReposOf, Repo: gitstore.RepoOfKey},
	{Name: "picture", Prefix: profile.KeyPrefix, Each: profile.EachObject, Copy: profile.CopyObject},
}

func newHub(t *testing.T, d *db.DB, s blob.Store) backup.Hub {
	return backup.Hub{DB: d, Blobs: s, Kinds: kinds, Version: "test", TempDir: t.TempDir(),
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError + 1}))}
}

func target(s blob.Store) backup.Target { return backup.Target{Store: s, Durable: s} }

// fill puts rows of every class and odd values into a database, and xorbs into a store.
func fill(t *testing.T, h backup.Hub, xorbs int) {
	t.Helper()
	xs := xetstore.New(h.DB, h.Blobs, xetstore.Options{})
	for i := range xorbs {
		putXorb(t, xs, fmt.Sprintf("xorb %d", i))
	}
	rows := []struct {
		query string
		args  []any
	}{
		{"INSERT INTO users (id, name, fullname, email, email_verified, site_admin, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			[]any{"u1", "ann", "Änne 😀 \n\t'\"\\", "", true, false, int64(-5)}},
		{"INSERT INTO users (id, name, fullname, email_verified, site_admin, disabled_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			[]any{"u2", "bob", "", false, true, int64(1) << 62, int64(7)}},
		{"INSERT INTO secret (name, value) VALUES (?, ?)", []any{"key", []byte{0, 1, 255}}},
		{"INSERT INTO secret (name, value) VALUES (?, ?)", []any{"empty", []byte{}}},
		{"INSERT INTO git_repo (repo_id) VALUES (?)", []any{"r1"}},
		{"INSERT INTO git_pack (repo_id, seq, hash, objects, size, pack, idx, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			[]any{"r1", 1, "00", 3, 9, bytes.Repeat([]byte("pack"), 300_000), nil, 5}},
		{"INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at, trending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			[]any{"r1", "model", "u1", "ann", "m", "ann/m", "u1", "public", 1, 2, 0.1}},
	}
	for i := range 3000 {
		rows = append(rows, struct {
			query string
			args  []any
		}{"INSERT INTO event (kind, data, created_at) VALUES (?, ?, ?)", []any{"x", strings.Repeat("y", i%700), i}})
	}
	err := h.DB.Tx(ctx, func(tx *db.Tx) error {
		for _, r := range rows {
			if _, err := tx.Exec(ctx, r.query, r.args...); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "DELETE FROM event WHERE id > 2900") // numbers are not given again
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func putXorb(t *testing.T, xs *xetstore.Store, content string) {
	t.Helper()
	var body bytes.Buffer
	w := xet.NewXorbWriter(&body)
	chunk := []byte(strings.Repeat(content, 500))
	w.Add(chunk, xet.ChunkHash(chunk))
	index, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := xs.PutXorb(ctx, xetstore.Scope{UserID: "u1"}, index.Hash, &body); err != nil {
		t.Fatal(err)
	}
}

// rowsOf is every row of a database, as text, by table.
func rowsOf(t *testing.T, d *db.DB) map[string][]string {
	t.Helper()
	tables, err := db.Tables(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, table := range tables {
		slices.SortFunc(table.Columns, func(a, b db.Column) int { return strings.Compare(a.Name, b.Name) })
		rows, err := d.Query(ctx, table.SelectAll())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for rows.Next() {
			values, err := rows.SliceScan()
			if err != nil {
				t.Fatal(err)
			}
			line := ""
			for i, v := range values {
				if n, ok := v.(int64); ok && table.Columns[i].Class == db.Bool {
					v = n != 0
				}
				line += fmt.Sprintf("%s=%T:%v ", table.Columns[i].Name, v, v)
			}
			list = append(list, line)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		slices.Sort(list)
		if table.Name != "hold" && table.Name != "backup_made" { // a backup's own
			all[table.Name] = list
		}
	}
	return all
}

func equalRows(t *testing.T, a, b map[string][]string) {
	t.Helper()
	if len(a) != len(b) || len(a) < 40 {
		t.Errorf("%d tables and %d", len(a), len(b))
	}
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			t.Errorf("table %s: %d rows and %d", name, len(a[name]), len(b[name]))
			for i := range min(len(a[name]), len(b[name])) {
				if a[name][i] != b[name][i] {
					t.Logf("%.300s\n%.300s", a[name][i], b[name][i])
					break
				}
			}
		}
	}
}

func objectsOf(t *testing.T, s blob.Store, prefix string) map[string]string {
	t.Helper()
	found := map[string]string{}
	list, err := s.List(ctx, prefix, "", 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		b, err := blob.GetBytes(ctx, s, o.Key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(o.Key, prefix)] = string(b)
	}
	return found
}

func run(t *testing.T, h backup.Hub, to blob.Store) (*backup.Manifest, backup.Progress) {
	t.Helper()
	m, stats, err := backup.Run(ctx, h, target(to), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, stats
}

// empty is a database without a schema.
func empty(t *testing.T, dialect db.Dialect) *db.DB {
	t.Helper()
	if dialect == db.SQLite {
		return dbtest.Open(t, "sqlite:"+t.TempDir()+"/new.db")
	}
	return dbtest.New(t, dialect)
}

// A backup of either kind of storage is restored to either kind, rows and objects equal.
func TestRestoreAcrossKinds(t *testing.T) {
	for _, way := range [][2]db.Dialect{{db.SQLite, db.Postgres}, {db.Postgres, db.SQLite}, {db.SQLite, db.SQLite}} {
		t.Run(string(way[0])+"-"+string(way[1]), func(t *testing.T) {
			stores := map[db.Dialect]func(testing.TB) blob.Store{db.SQLite: blobtest.FS, db.Postgres: blobtest.NewS3}
			from, to := newHub(t, dbtest.New(t, way[0]), stores[way[0]](t)), newHub(t, empty(t, way[1]), stores[way[1]](t))
			fill(t, from, 20)
			shelf := stores[way[1]](t)
			m, stats := run(t, from, shelf)
			if stats.Copied != 20 || m.Objects.Count != 20 || m.NumDamaged() != 0 {
				t.Errorf("%+v %+v", stats, m)
			}
			if report, err := backup.Verify(ctx, shelf, m, kinds, true); err != nil || !report.Clean() || report.Bytes == 0 {
				t.Fatalf("%+v %v", report, err)
			}
			if _, err := backup.Restore(ctx, to, shelf, m, nil); err != nil {
				t.Fatal(err)
			}
			equalRows(t, rowsOf(t, from.DB), rowsOf(t, to.DB))
			want := objectsOf(t, from.Blobs, "xorbs/")
			if have := objectsOf(t, to.Blobs, ""); fmt.Sprint(have) == "" || len(have) != 20 {
				t.Errorf("%d objects", len(have))
			}
			for key, body := range objectsOf(t, to.Blobs, "xorbs/") {
				if want[key] != body {
					t.Errorf("%s differs", key)
				}
			}
			var id int64
			err := to.DB.Tx(ctx, func(tx *db.Tx) error {
				return tx.Get(ctx, &id, "INSERT INTO event (kind, created_at) VALUES ('y', 1) RETURNING id")
			})
			if err != nil || id != 3001 {
				t.Error("the next event has the number", id, err)
			}
			if _, err := backup.Restore(ctx, to, shelf, m, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
				t.Error("restored into a database with rows:", err)
			}
		})
	}
}

// Only what is new travels, and what was there already is not read.
func TestBackupIsIncremental(t *testing.T) {
	h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, h, 10)
	shelf := blobtest.FS(t)
	run(t, h, shelf)
	xs := xetstore.New(h.DB, h.Blobs, xetstore.Options{})
	putXorb(t, xs, "another")
	m, stats := run(t, h, shelf)
	if stats.Copied != 1 || stats.Checked != 0 || m.Objects.Count != 11 {
		t.Errorf("%+v %+v", stats, m.Objects)
	}
	found, err := backup.List(ctx, shelf)
	if err != nil || len(found) != 2 || found[1].ID != m.ID || found[0].Manifest == nil {
		t.Fatal(found, err)
	}
	if newest, err := backup.Find(ctx, shelf, ""); err != nil || newest.ID != m.ID {
		t.Fatal(newest, err)
	}
}

// A damaged object is not copied over a good copy of it, is named with its repositories, and all others are copied.
func TestBackupOfDamage(t *testing.T) {
	h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, h, 10)
	shelf := blobtest.FS(t)
	run(t, h, shelf)
	xs := xetstore.New(h.DB, h.Blobs, xetstore.Options{})
	putXorb(t, xs, "one more")
	before := objectsOf(t, shelf, "objects/")
	for key := range objectsOf(t, h.Blobs, "xorbs/") {
		damage(t, h.Blobs, "xorbs/"+key, func(b []byte) []byte { b[20] ^= 1; return b })
	}
	m, stats := run(t, h, shelf)
	if stats.Copied != 0 || m.NumDamaged() != 1 || m.Damaged[0].State != blob.Corrupt || m.Objects.Count != 10 {
		t.Errorf("%+v %+v", stats, m)
	}
	for key, body := range objectsOf(t, shelf, "objects/") {
		if before[key] != body {
			t.Error("a good copy was overwritten:", key)
		}
	}
	if report, err := backup.Verify(ctx, shelf, m, kinds, true); err != nil || !report.Clean() || report.Missing != 1 {
		t.Errorf("%+v %v", report, err)
	}
}

func damage(t *testing.T, s blob.Store, key string, change func([]byte) []byte) {
	t.Helper()
	b, err := blob.GetBytes(ctx, s, key, 1<<30)
	if err == nil {
		if b = change(b); b == nil {
			err = s.Delete(ctx, key)
		} else {
			err = blob.PutBytes(ctx, s, key, b)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// F11: a backup of which anything is missing, cut or flipped is found out, and nothing is restored from it.
func TestTornBackupIsRefused(t *testing.T) {
	h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, h, 6)
	shelf := blobtest.FS(t)
	m, _ := run(t, h, shelf)
	changes := map[string]func([]byte) []byte{
		"gone":    func([]byte) []byte { return nil },
		"cut":     func(b []byte) []byte { return b[:rand.IntN(len(b))] },
		"flipped": func(b []byte) []byte { b[rand.IntN(len(b))] ^= 1 << rand.IntN(8); return b },
		"longer":  func(b []byte) []byte { return append(b, 0) },
	}
	for key, body := range objectsOf(t, shelf, "") {
		for name, change := range changes {
			damage(t, shelf, key, change)
			found, err := backup.Find(ctx, shelf, m.ID)
			if err == nil {
				report, e := backup.Verify(ctx, shelf, found, kinds, true)
				if e != nil || report.Clean() {
					t.Errorf("%s %s: %+v %v", name, key, report, e)
				}
				to := newHub(t, empty(t, db.SQLite), blobtest.FS(t))
				_, err = backup.Restore(ctx, to, shelf, found, nil)
				if n, e := rowCount(to.DB); e != nil || n != 0 {
					t.Errorf("%s %s: %d rows came of it (%v)", name, key, n, e)
				}
			}
			if err == nil {
				t.Errorf("%s %s: restored", name, key)
			}
			if err := blob.PutBytes(ctx, shelf, key, []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if report, err := backup.Verify(ctx, shelf, m, kinds, true); err != nil || !report.Clean() {
		t.Fatalf("mended: %+v %v", report, err)
	}
}

func rowCount(d *db.DB) (n int64, err error) {
	tables, err := db.Tables(ctx, d)
	if err != nil {
		return 0, err
	}
	first, err := db.FirstFilled(ctx, d, tables)
	if first != "" {
		n = 1
	}
	return n, err
}

// dying is a store that fails for good after some objects, as a process that is killed leaves it.
type dying struct {
	blob.Store
	left *atomic.Int64 // several are copied at once
}

func dieAfter(objects int, s blob.Store) dying {
	d := dying{s, new(atomic.Int64)}
	d.left.Store(int64(objects))
	return d
}

var errKilled = errors.New("killed")

func (d dying) Create(ctx context.Context) (blob.Upload, error) {
	if d.left.Add(-1) < 0 {
		return nil, errKilled
	}
	return d.Store.Create(ctx)
}

// A backup that dies at any object leaves no backup, and the next one completes. What the dead one left is read before it is
// relied on, and replaced when it is not what it should be.
func TestBackupDiesAnywhere(t *testing.T) {
	h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, h, 6)
	for left := range 12 {
		shelf := blobtest.FS(t)
		to := backup.Target{Store: dieAfter(left, shelf), Durable: shelf, Flush: func(context.Context) error { return errKilled }}
		_, _, err := backup.Run(ctx, h, to, nil)
		if !errors.Is(err, errKilled) {
			t.Fatal(left, err)
		}
		if _, err := backup.Find(ctx, shelf, ""); err == nil {
			t.Fatal(left, "half a backup counts as one")
		}
		for key := range objectsOf(t, shelf, "objects/") { // as a power cut may leave them
			damage(t, shelf, "objects/"+key, func(b []byte) []byte { return make([]byte, len(b)) })
			break
		}
		m, _ := run(t, h, shelf)
		if report, err := backup.Verify(ctx, shelf, m, kinds, true); err != nil || !report.Clean() || report.Objects != 6 {
			t.Fatalf("%d: %+v %v", left, report, err)
		}
	}
}

// The hub's own store without a middle, as migrate-storage does it.
func TestMove(t *testing.T) {
	from, to := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t)), newHub(t, dbtest.New(t, db.Postgres), blobtest.NewS3(t))
	back := newHub(t, empty(t, db.SQLite), blobtest.FS(t))
	fill(t, from, 12)
	for _, step := range [][2]backup.Hub{{from, to}, {to, back}} {
		if damaged, stats, err := backup.MoveObjects(ctx, step[0], step[1], nil); err != nil || len(damaged) > 0 || stats.Copied != 12 {
			t.Fatal(damaged, stats, err)
		}
		if n, err := backup.MoveRows(ctx, step[0].DB, step[1].DB); err != nil || n < 2900 {
			t.Fatal(n, err)
		}
	}
	equalRows(t, rowsOf(t, from.DB), rowsOf(t, back.DB))
	if have, want := objectsOf(t, back.Blobs, ""), objectsOf(t, from.Blobs, "xorbs/"); len(have) != len(want) {
		t.Errorf("%d objects and %d", len(have), len(want))
	}
}

// Objects go when no copy that stays names them, and not before; a copy that nobody can read stops everything.
func TestPrune(t *testing.T) {
	blobtest.Each(t, func(t *testing.T, shelf blob.Store) {
		h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
		fill(t, h, 4)
		first, _ := run(t, h, shelf)
		if _, err := h.DB.Exec(ctx, "DELETE FROM xet_xorb WHERE hash = (SELECT MIN(hash) FROM xet_xorb)"); err != nil {
			t.Fatal(err)
		}
		second, _ := run(t, h, shelf)
		if _, err := backup.Prune(ctx, shelf, backup.Keep{}, false); err == nil {
			t.Error("pruned without being told what to keep")
		}
		keep := backup.Keep{Daily: 1}
		if p, err := backup.Prune(ctx, shelf, keep, true); err != nil || p.Objects != 1 || len(p.Dropped) != 1 {
			t.Errorf("%+v %v", p, err)
		}
		if report, err := backup.Verify(ctx, shelf, first, kinds, true); err != nil || !report.Clean() {
			t.Fatalf("a dry run: %+v %v", report, err)
		}
		manifest := "catalogue/" + second.ID + "/manifest.json"
		kept := objectsOf(t, shelf, manifest)[""]
		damage(t, shelf, manifest, func(b []byte) []byte { b[30] ^= 1; return b })
		if p, err := backup.Prune(ctx, shelf, keep, false); err == nil {
			t.Errorf("pruned what nobody can read: %+v", p)
		}
		damage(t, shelf, manifest, func([]byte) []byte { return []byte(kept) })
		p, err := backup.Prune(ctx, shelf, keep, false)
		if err != nil || p.Objects != 1 || len(p.Dropped) != 1 || p.Dropped[0] != first.ID {
			t.Errorf("%+v %v", p, err)
		}
		if report, err := backup.Verify(ctx, shelf, second, kinds, true); err != nil || !report.Clean() || report.Objects != 3 {
			t.Fatalf("%+v %v", report, err)
		}
		if left := objectsOf(t, shelf, "objects/"); len(left) != 3 {
			t.Errorf("%d objects", len(left))
		}
	})
}

// A prune and a backup of one store keep out of each other's way, whichever begins first.
func TestPruneKeepsOutOfBackups(t *testing.T) {
	h := newHub(t, dbtest.New(t, db.SQLite), blobtest.FS(t))
	fill(t, h, 3)
	shelf := blobtest.FS(t)
	run(t, h, shelf)
	if err := blob.PutBytes(ctx, shelf, "running/backup-20200101t000000000z-00000000", []byte(`{"started":"2020-01-01T00:00:00Z"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Prune(ctx, shelf, backup.Keep{Daily: 1}, false); err == nil {
		t.Error("a prune beside a backup")
	}
	if err := shelf.Delete(ctx, "running/backup-20200101t000000000z-00000000"); err != nil {
		t.Fatal(err)
	}
	if err := blob.PutBytes(ctx, shelf, "running/prune-20200101t000000000z-00000000", []byte(`{"started":"2020-01-01T00:00:00Z"}`)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := backup.Run(ctx, h, target(shelf), nil); err == nil {
		t.Error("a backup beside a prune")
	}
}

// The database is lost, the objects are there: everything that the last catalogue knew is back, what came later is named.
func TestRebuild(t *testing.T) {
	blobtest.Each(t, func(t *testing.T, store blob.Store) {
		h := newHub(t, dbtest.New(t, db.SQLite), store)
		fill(t, h, 5)
		for range 3 {
			if _, err := backup.Export(ctx, h, 2); err != nil {
				t.Fatal(err)
			}
		}
		found, err := backup.List(ctx, store)
		if err != nil || len(found) != 2 {
			t.Fatal(len(found), err)
		}
		want := rowsOf(t, h.DB)
		putXorb(t, xetstore.New(h.DB, store, xetstore.Options{}), "after the catalogue")
		if err := blob.PutBytes(ctx, store, "git/r1/abc-1.pack", []byte("pack")); err != nil {
			t.Fatal(err)
		}
		lost := objectsOf(t, store, "xorbs/")
		damage(t, store, found[1].Manifest.Rows[0].Key, func(b []byte) []byte { return b[:len(b)/2] }) // the newest is torn
		again := newHub(t, empty(t, db.SQLite), store)
		r, err := backup.Rebuild(ctx, again, "")
		if err != nil {
			t.Fatal(err)
		}
		if r.Manifest.ID != found[0].ID || len(r.Broken) != 1 || !r.Missing.Clean() || r.Adopted != 1 || len(r.Found) != 2 {
			t.Errorf("%+v", r)
		}
		if len(r.Packs) != 1 || r.Packs[0] != (backup.FoundPacks{RepoID: "r1", Count: 1, Bytes: 4}) {
			t.Errorf("%+v", r.Packs)
		}
		have := rowsOf(t, again.DB)
		if len(have["xet_xorb"]) != 6 || len(want["xet_xorb"]) != 5 {
			t.Error(len(have["xet_xorb"]), len(want["xet_xorb"]))
		}
		have["xet_xorb"], want["xet_xorb"] = nil, nil
		equalRows(t, want, have)
		for key := range lost {
			damage(t, store, "xorbs/"+key, func([]byte) []byte { return nil })
			break
		}
		r, err = backup.Rebuild(ctx, newHub(t, empty(t, db.SQLite), store), "")
		if err != nil || len(r.Missing.Found) != int(r.Adopted) {
			t.Errorf("%+v %v", r, err)
		}
	})
}

// Catalogues that a clock which was ahead has dated neither keep the hub from writing new ones nor have those removed.
func TestExportsWhenTheClockIsSetBack(t *testing.T) {
	blobtest.Each(t, func(t *testing.T, store blob.Store) {
		h := newHub(t, dbtest.New(t, db.SQLite), store)
		fill(t, h, 1)
		now := time.Now()
		h.DB.SetClock(func() time.Time { return now })
		export := func() string {
			m, err := backup.Export(ctx, h, 2)
			if err != nil {
				t.Fatal(err)
			}
			return m.ID
		}
		last := func() time.Time {
			at, err := backup.LastExport(ctx, store, now)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		now = now.AddDate(10, 0, 0)
		export()
		now = now.Add(time.Hour)
		export()
		now = now.AddDate(-10, 0, 0)
		if at := last(); !at.IsZero() {
			t.Errorf("waits for %s", at)
		}
		var want []string
		for range 2 {
			want = append(want, export())
			if !last().Equal(now.UTC().Round(0)) {
				t.Errorf("the last is of %s, not of %s", last(), now)
			}
			now = now.Add(time.Hour)
		}
		found, err := backup.List(ctx, store)
		if err != nil || len(found) != 2 || found[0].ID != want[0] || found[1].ID != want[1] {
			t.Errorf("%+v %v, not %q", found, err, want)
		}
	})
}
