package rot_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// noise is text that does not compress, another for each seed.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 5))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + r.IntN(95))
	}
	return string(b)
}

// spoil flips a bit of one object of the store, and restore takes that back.
func spoil(t *testing.T, h *testhub.Hub, prefix, suffix string) (restore func()) {
	t.Helper()
	s := h.App.Blobs()
	list, err := s.List(t.Context(), prefix, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if !strings.HasSuffix(o.Key, suffix) {
			continue
		}
		b, err := blob.GetBytes(t.Context(), s, o.Key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		flip := func() {
			b[len(b)/2] ^= 4
			if err := errors.Join(s.Delete(t.Context(), o.Key), blob.PutBytes(t.Context(), s, o.Key, b)); err != nil {
				t.Fatal(err)
			}
		}
		flip()
		return flip
	}
	t.Fatal("nothing to spoil at", prefix)
	return nil
}

// forget removes the node's copies of packs, from which a repair would take what it needs.
func forget(t *testing.T, h *testhub.Hub) {
	t.Helper()
	copies, err := filepath.Glob(filepath.Join(h.CacheDir(), "git", "packs", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range copies {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func exit(err error) int {
	var e app.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return 1
}

// open are the findings that the hub keeps open.
func open(t *testing.T, h *testhub.Hub) int {
	t.Helper()
	list, err := fsck.Open(t.Context(), h.App.DB(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// What a repair mends, gives up or finds sound is not open any more, and neither is what was sent again, once it was read.
func TestRepairEndsFindings(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		h.CommitLarge(alice, hub.Model, "alice/m", "w.bin", noise(3, 200_000))
		folder := t.TempDir()
		if out, err := h.Backup(folder); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		spoil(t, h, "xorbs/", "")
		h.FsckKept()
		if open(t, h) != 1 {
			t.Errorf("%d findings are open", open(t, h))
		}
		if out, err := h.Repair(app.RepairOptions{Data: true, Dry: true, From: []string{"file:" + folder}}); exit(err) != app.ExitDamage || open(t, h) != 1 {
			t.Errorf("dry run: %v, %d open\n%s", err, open(t, h), out)
		}
		if out, err := h.Repair(app.RepairOptions{Data: true, From: []string{"file:" + folder}}); exit(err) != app.ExitRepaired || open(t, h) != 0 {
			t.Errorf("%v, %d open\n%s", err, open(t, h), out)
		}
		spoil(t, h, "xorbs/", "")
		h.FsckKept()
		if out, err := h.Repair(app.RepairOptions{Data: true, Tombstone: true}); exit(err) != app.ExitDamage || open(t, h) != 0 {
			t.Errorf("given up: %v, %d open\n%s", err, open(t, h), out)
		}
		for end := time.Now().Add(30 * time.Second); !listedAsLost(h, alice, "alice/m"); time.Sleep(50 * time.Millisecond) { // a node asks PostgreSQL now and then
			if time.Now().After(end) {
				t.Fatal("the listing does not say that the file is lost")
			}
		}
	})
}

func listedAsLost(h *testhub.Hub, c testhub.Caller, id string) bool {
	type entry struct{ LFS struct{ Lost bool } }
	var tree []entry
	h.JSON(c, http.MethodGet, "/api/models/"+id+"/tree/main", nil, &tree)
	return slices.ContainsFunc(tree, func(e entry) bool { return e.LFS.Lost })
}

// What was given up as lost is a warning from then on: a backup is whole without it, and what is restored says so, too.
func TestTombstonesAreNoDamage(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		content := noise(1, 200_000)
		h.CommitLarge(alice, hub.Model, "alice/m", "w.bin", content)
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"long.txt": noise(2, 2_000_000)})
		spoil(t, h, "xorbs/", "")
		spoil(t, h, "git/", ".pack")
		forget(t, h)
		folder := t.TempDir()
		if out, err := h.Backup(folder); exit(err) != app.ExitDamage {
			t.Errorf("a backup of damage: %v\n%s", err, out)
		}
		if out, err := h.Repair(app.RepairOptions{Data: true, Tombstone: true}); exit(err) != app.ExitDamage || !strings.Contains(out, "2 lost, 0 still damaged") {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := h.Repair(app.RepairOptions{Data: true}); exit(err) != 0 || !strings.Contains(out, "1 lost before") {
			t.Errorf("a second repair: %v\n%s", err, out)
		}
		mourn(t, h)
		out, err := h.Backup(folder)
		if exit(err) != 0 || !strings.Contains(out, "\n1 objects were given up as lost before") {
			t.Errorf("%v\n%s", err, out)
		}
		again := h.Restored(folder)
		mourn(t, again)
		if a := again.Do(alice, http.MethodGet, "/alice/m/resolve/main/w.bin", nil); a.Status != http.StatusGone {
			t.Errorf("a lost file: %d %s", a.Status, a.Body)
		}
		again.CommitLarge(alice, hub.Model, "alice/m", "w.bin", content)
		if a := again.Do(alice, http.MethodGet, "/alice/m/resolve/main/w.bin", nil); string(a.Body) != content {
			t.Errorf("sent again: %d", a.Status)
		}
	})
}

// mourn sees that both are called lost, at their places, and nothing is called damaged.
func mourn(t *testing.T, h *testhub.Hub) {
	t.Helper()
	for _, data := range []bool{false, true} {
		r := h.Fsck(fsck.Options{Data: data})
		var b strings.Builder
		r.WriteText(&b)
		r.Findings = slices.DeleteFunc(r.Findings, func(f *fsck.Finding) bool { return f.Kind == fsck.DBWarning })
		if !r.Clean() || len(r.Findings) != 2 || r.Findings[0].Kind != fsck.ObjectLost || r.Findings[1].Kind != fsck.XorbLost ||
			!strings.Contains(b.String(), "in alice/m: long.txt@main") || !strings.Contains(b.String(), "in alice/m: w.bin@main") {
			t.Errorf("data %v:\n%s", data, b.String())
		}
	}
}
