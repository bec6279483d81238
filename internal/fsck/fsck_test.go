package fsck_test

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// world is a hub with a bit of everything, and the ids of what is in it.
type world struct {
	*testhub.Hub
	t     *testing.T
	alice testhub.Caller
	repo  string // id of alice/model
}

// random is text that does not compress, the same for each seed.
func random(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + r.IntN(95))
	}
	return string(b)
}

func newWorld(t *testing.T, h *testhub.Hub) *world {
	t.Helper()
	w := &world{Hub: h, t: t, alice: h.Member("alice", false)}
	h.CreateRepo(w.alice, hub.Model, "alice/model", false)
	h.CreateRepo(w.alice, hub.Dataset, "alice/data", true)
	w.CommitLarge(w.alice, hub.Model, "alice/model", "dir/weights.bin", random(1, 300_000))
	h.Commit(w.alice, hub.Model, "alice/model", "main", map[string]string{"README.md": "# hello\n", "a/b.txt": "text"})
	w.CommitLarge(w.alice, hub.Dataset, "alice/data", "train.bin", random(2, 200_000))
	h.Commit(w.alice, hub.Dataset, "alice/data", "main", map[string]string{"long.txt": random(3, 3_000_000)}) // a pack of its own in the store
	w.picture()
	w.get(&w.repo, "SELECT id FROM repo WHERE name = 'model'")
	return w
}

func (w *world) picture() {
	w.t.Helper()
	var b, pic bytes.Buffer
	if err := png.Encode(&pic, image.NewRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		w.t.Fatal(err)
	}
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "a.png")
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = part.Write(pic.Bytes())
	_ = form.Close()
	if a := w.Do(w.alice, http.MethodPost, "/api/users/alice/avatar", b.Bytes(), "Content-Type", form.FormDataContentType()); a.Status/100 != 2 {
		w.t.Fatalf("picture: %d %s", a.Status, a.Body)
	}
}

func (w *world) get(dst any, query string, args ...any) {
	w.t.Helper()
	if err := w.App.DB().Get(w.t.Context(), dst, query, args...); err != nil {
		w.t.Fatal(query, err)
	}
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.App.DB().Exec(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(query, err)
	}
}

// keys are the objects of the store that begin with a prefix and end with a suffix.
func (w *world) keys(prefix, suffix string) (keys []string) {
	w.t.Helper()
	list, err := w.App.Blobs().List(w.t.Context(), prefix, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range list {
		if strings.HasSuffix(b.Key, suffix) {
			keys = append(keys, b.Key)
		}
	}
	return keys
}

// spoil changes an object and gives what puts it back.
func (w *world) spoil(key string, change func(b []byte) []byte) (undo func()) {
	w.t.Helper()
	ctx, s := w.t.Context(), w.App.Blobs()
	whole, err := blob.GetBytes(ctx, s, key, 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	put := func(b []byte) {
		if err := s.Delete(ctx, key); err != nil {
			w.t.Fatal(err)
		}
		if b == nil {
			return
		}
		if err := blob.PutBytes(ctx, s, key, b); err != nil {
			w.t.Fatal(err)
		}
	}
	put(change(slices.Clone(whole)))
	return func() { put(whole) }
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			b[len(b)+at] ^= 4
		} else {
			b[at] ^= 4
		}
		return b
	}
}

func half(b []byte) []byte { return b[:len(b)/2] }

func none([]byte) []byte { return nil }

// column changes a column of bytes in one row and gives what puts it back.
func (w *world) column(table, column, where string, change func(b []byte) []byte, args ...any) (undo func()) {
	w.t.Helper()
	var whole []byte
	w.get(&whole, "SELECT "+column+" FROM "+table+" WHERE "+where, args...)
	set := func(b []byte) {
		w.exec("UPDATE "+table+" SET "+column+" = ? WHERE "+where, append([]any{b}, args...)...)
	}
	set(change(slices.Clone(whole)))
	return func() { set(whole) }
}

// row removes a row by a statement, and gives what puts it back.
func (w *world) row(remove, restore string, args ...any) (undo func()) {
	w.t.Helper()
	w.exec(remove, args...)
	return func() { w.exec(restore, args...) }
}

// expectation is a finding that must be among those found.
type expectation struct {
	kind  fsck.Kind
	place string // as text; empty: any
}

func (e expectation) in(r *fsck.Report) bool {
	for _, f := range r.Findings {
		if f.Kind != e.kind {
			continue
		}
		if e.place == "" {
			return true
		}
		for _, a := range f.Affects {
			if a.String() == e.place {
				return true
			}
		}
	}
	return false
}

func text(r *fsck.Report) string {
	var b strings.Builder
	r.WriteText(&b)
	return b.String()
}

const (
	weights = "alice/model: dir/weights.bin@main"
	model   = "alice/model"
	data    = "datasets/alice/data"
)

// Each kind of damage is made, found with the place that it takes away, and gone when it is undone.
func TestEachKindIsFound(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		h.Sound()
		xorb := w.xorbOf(w.repo)
		pack, catalog := w.keys("git/", ".pack")[0], w.keys("git/", ".cat")[0]
		picture := w.keys("avatar/", "")[0]
		for _, c := range []struct {
			name  string
			spoil func() (undo func())
			data  bool // only reading all bytes finds it
			want  []expectation
		}{
			{"a bit of a xorb's body", func() func() { return w.spoil(xorb, flip(1000)) }, true, []expectation{{"xorb.corrupt", weights}}},
			{"a bit of a xorb's index", func() func() { return w.spoil(xorb, flip(-30)) }, false, []expectation{{"xorb.corrupt", weights}}},
			{"a cut xorb", func() func() { return w.spoil(xorb, half) }, false, []expectation{{"xorb.short", weights}}},
			{"a deleted xorb", func() func() { return w.spoil(xorb, none) }, false, []expectation{{"xorb.absent", weights}}},
			{"a bit of a stored pack", func() func() { return w.spoil(pack, flip(50_000)) }, true, []expectation{{"pack.corrupt", data + "@main"}}},
			{"a cut pack", func() func() { return w.spoil(pack, half) }, false, []expectation{{"pack.short", data + "@main"}}},
			{"a deleted pack", func() func() { return w.spoil(pack, none) }, false, []expectation{{"pack.absent", data + "@main"}}},
			{"a bit of a catalog", func() func() { return w.spoil(catalog, flip(60)) }, false, []expectation{{"pack.corrupt", data}}},
			{"a deleted catalog", func() func() { return w.spoil(catalog, none) }, false, []expectation{{"pack.absent", data}}},
			{"a bit of a pack in its row", func() func() {
				return w.column("git_pack", "pack", "repo_id = ? AND seq = 2", flip(40), w.repo)
			}, true, []expectation{{"pack.corrupt", ""}}},
			{"a bit of a catalog in its row", func() func() {
				return w.column("git_pack", "idx", "repo_id = ? AND seq = 2", flip(60), w.repo)
			}, false, []expectation{{"pack.corrupt", model}}},
			{"a picture", func() func() { return w.spoil(picture, flip(100)) }, true, []expectation{{"picture.corrupt", ""}}},
			{"a deleted picture", func() func() { return w.spoil(picture, none) }, false, []expectation{{"picture.absent", ""}}},
			{"terms", func() func() {
				return w.column("xet_repo_file", "terms", "repo_id = ?", flip(36), w.repo)
			}, false, []expectation{{fsck.FileTerms, model}}},
			{"a file's length", func() func() {
				return w.row("UPDATE xet_file SET size = size + 1 WHERE size = 300000", "UPDATE xet_file SET size = size - 1 WHERE size = 300001")
			}, false, []expectation{{fsck.FileTerms, model}, {fsck.PointerSize, weights}, {fsck.StorageRow, model}}},
			{"a file's SHA-256", func() func() {
				return w.column("xet_file", "sha256", "size = 300000", flip(3))
			}, false, []expectation{{fsck.PointerLost, weights}, {fsck.FileSHA256, model}}},
			{"a xorb's row", func() func() {
				return w.row("UPDATE xet_xorb SET chunks = chunks + 1", "UPDATE xet_xorb SET chunks = chunks - 1")
			}, false, []expectation{{fsck.XorbRow, ""}}},
			{"a right too few", w.fewerRights, false, []expectation{{fsck.FileRights, model}}},
			{"a right too many", w.moreRights, false, []expectation{{fsck.FileRights, data}}},
			{"a file that is gone", w.goneFile, false, []expectation{{fsck.PointerLost, weights}, {fsck.FileRights, model}, {fsck.StorageRow, model}}},
			{"a pack that is gone", w.gonePack, false, []expectation{{fsck.ObjectMissing, ""}, {fsck.StorageRow, model}}},
			{"a ref to nowhere", func() func() { return w.ref(strings.Repeat("ab", 20)) }, false, []expectation{{fsck.RefMissing, model + "@main"}, {fsck.HeadRow, model}}},
			{"a head", func() func() {
				return w.row("UPDATE repo SET head = 'b' || head WHERE name = 'model'", "UPDATE repo SET head = SUBSTR(head, 2) WHERE name = 'model'")
			}, false, []expectation{{fsck.HeadRow, model}}},
			{"a count", func() func() {
				return w.row("UPDATE quota_repo SET large = large + 1", "UPDATE quota_repo SET large = large - 1")
			}, false, []expectation{{fsck.StorageRow, model}}},
		} {
			undo := c.spoil()
			r := h.Fsck(fsck.Options{Data: c.data, SHA256: true})
			for _, e := range c.want {
				if !e.in(r) {
					t.Errorf("%s: %s at %q is not found:\n%s", c.name, e.kind, e.place, text(r))
				}
			}
			undo()
		}
		h.Sound()
	})
}

// xorbOf is the key of a xorb that a repository is made of.
func (w *world) xorbOf(repoID string) string {
	w.t.Helper()
	var list []string
	for _, key := range w.keys("xorbs/", "") {
		r := w.spoiled(key)
		if (expectation{"xorb.absent", weights}).in(r) {
			list = append(list, key)
		}
	}
	if len(list) != 1 {
		w.t.Fatalf("%d xorbs of the model", len(list))
	}
	return list[0]
}

func (w *world) spoiled(key string) *fsck.Report {
	undo := w.spoil(key, none)
	defer undo()
	return w.Fsck(fsck.Options{})
}

func (w *world) fewerRights() (undo func()) {
	var xorb []byte
	w.get(&xorb, "SELECT xorb FROM xet_repo_xorb WHERE repo_id = ?", w.repo)
	return w.row("DELETE FROM xet_repo_xorb WHERE repo_id = ? AND xorb = ?", "INSERT INTO xet_repo_xorb (repo_id, xorb) VALUES (?, ?)", w.repo, xorb)
}

func (w *world) moreRights() (undo func()) {
	var xorb []byte
	var other string
	w.get(&xorb, "SELECT xorb FROM xet_repo_xorb WHERE repo_id = ?", w.repo)
	w.get(&other, "SELECT id FROM repo WHERE name = 'data'")
	return w.row("INSERT INTO xet_repo_xorb (repo_id, xorb) VALUES (?, ?)", "DELETE FROM xet_repo_xorb WHERE repo_id = ? AND xorb = ?", other, xorb)
}

func (w *world) goneFile() (undo func()) {
	var row struct {
		File, Terms []byte
		At          int64 `db:"created_at"`
	}
	w.get(&row, "SELECT file, terms, created_at FROM xet_repo_file WHERE repo_id = ?", w.repo)
	w.exec("DELETE FROM xet_repo_file WHERE repo_id = ?", w.repo)
	return func() {
		w.exec("INSERT INTO xet_repo_file (repo_id, file, terms, created_at) VALUES (?, ?, ?, ?)", w.repo, row.File, row.Terms, row.At)
	}
}

func (w *world) gonePack() (undo func()) {
	w.exec("UPDATE git_pack SET seq = 1000002 WHERE repo_id = ? AND seq = 2", w.repo)
	var other string
	w.get(&other, "SELECT id FROM repo WHERE name = 'data'")
	w.exec("UPDATE git_pack SET repo_id = ? WHERE repo_id = ? AND seq = 1000002", other, w.repo)
	return func() {
		w.exec("UPDATE git_pack SET repo_id = ?, seq = 2 WHERE repo_id = ? AND seq = 1000002", w.repo, other)
	}
}

func (w *world) ref(to string) (undo func()) {
	var was string
	w.get(&was, "SELECT oid FROM git_ref WHERE repo_id = ? AND name = 'refs/heads/main'", w.repo)
	set := func(oid string) {
		w.exec("UPDATE git_ref SET oid = ? WHERE repo_id = ? AND name = 'refs/heads/main'", oid, w.repo)
	}
	set(to)
	return func() { set(was) }
}

// A xorb without its row is named once for all files that are made of it.
func TestXorbWithoutRow(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		var xorb []byte
		w.get(&xorb, "SELECT xorb FROM xet_repo_xorb WHERE repo_id = ?", w.repo)
		w.exec("DELETE FROM xet_xorb WHERE hash = ?", xorb)
		r := h.Fsck(fsck.Options{Orphans: true, Young: 1})
		if !(expectation{fsck.XorbNoRow, model}).in(r) || !(expectation{fsck.OrphanXorb, ""}).in(r) || r.Orphans != 1 {
			t.Error(text(r))
		}
		if r := h.Fsck(fsck.Options{Orphans: true}); r.Orphans != 0 {
			t.Errorf("what is younger than a day is an orphan:\n%s", text(r))
		}
	})
}

// One repository is looked at alone, and a subset is the same objects each time, all of them together.
func TestRepoAndSubset(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		defer w.spoil(w.xorbOf(w.repo), flip(1000))()
		found := 0
		for n := range 3 {
			if r := h.Fsck(fsck.Options{Data: true, Subset: fsck.Subset{N: n + 1, Of: 3}}); !r.Clean() {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the damage is in %d of three parts", found)
		}
		head := func(name string) *fsck.Report {
			var id string
			w.get(&id, "SELECT id FROM repo WHERE name = ?", name)
			h1, err := h.App.Repos().HeadOf(t.Context(), h.App.DB(), id)
			if err != nil {
				t.Fatal(err)
			}
			return h.Fsck(fsck.Options{Data: true, Repo: h1})
		}
		if r := head("model"); !(expectation{"xorb.corrupt", weights}).in(r) || r.Repos != 1 {
			t.Error(text(r))
		}
		if r := head("data"); !r.Clean() || r.Xorbs == 0 || r.Packs == 0 {
			t.Error(text(r))
		}
	})
}
