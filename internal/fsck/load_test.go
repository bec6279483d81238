package fsck_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// restless changes one repository and makes and deletes others, until ctx ends.
func restless(ctx context.Context, h *testhub.Hub, c testhub.Caller, n int) (changes int) {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	id := fmt.Sprintf("%s/busy%d", c.Name, n)
	h.CreateRepo(c, hub.Model, id, false)
	try := func(method, path string, body any, headers ...string) {
		if a := h.Do(c, method, path, body, headers...); a.Status >= 500 && a.Status != http.StatusServiceUnavailable {
			h.T.Errorf("%s %s: %d %s", method, path, a.Status, a.Body)
		}
	}
	commit := func(id, lines string) {
		try(http.MethodPost, "/api/models/"+id+"/commit/main", `{"key":"header","value":{"summary":"change"}}`+"\n"+lines+"\n", "Content-Type", "application/x-ndjson")
	}
	file := func(id, path, text string) {
		commit(id, fmt.Sprintf(`{"key":"file","value":{"path":%q,"content":%q,"encoding":"base64"}}`, path, base64.StdEncoding.EncodeToString([]byte(text))))
	}
	for i := 0; ctx.Err() == nil; i++ {
		changes++
		branch := fmt.Sprintf("b%d", r.IntN(3))
		switch r.IntN(8) {
		case 0:
			try(http.MethodPost, "/api/models/"+id+"/branch/"+branch, map[string]any{})
		case 1:
			try(http.MethodDelete, "/api/models/"+id+"/branch/"+branch, nil)
		case 2:
			try(http.MethodPost, "/api/models/"+id+"/super-squash/main", map[string]any{"message": "less"})
		case 3:
			other := fmt.Sprintf("%s/short%d-%d", c.Name, n, i)
			h.CreateRepo(c, hub.Model, other, false)
			file(other, "a", random(uint64(i), 100))
			try(http.MethodDelete, "/api/repos/delete", map[string]any{"type": "model", "organization": c.Name, "name": strings.TrimPrefix(other, c.Name+"/")})
		case 4, 5:
			content := random(uint64(r.IntN(5)), 40_000+r.IntN(3)*30_000)
			sha := h.Upload(c, hub.Model, id, content)
			commit(id, fmt.Sprintf(`{"key":"lfsFile","value":{"path":"l%d.bin","algo":"sha256","oid":%q,"size":%d}}`, r.IntN(4), sha, len(content)))
		default:
			file(id, fmt.Sprintf("f%d/%d", r.IntN(4), r.IntN(9)), random(r.Uint64(), r.IntN(3000)))
		}
	}
	return changes
}

// A hub that is written to, deleted from and collected all the time is never called damaged.
func TestNothingIsFoundInAHubAtWork(t *testing.T) {
	atWork := func(t *testing.T, h *testhub.Hub) {
		alice := h.Member("alice", false)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		changes := make([]int, 3)
		for n := range changes {
			wg.Go(func() { changes[n] = restless(ctx, h, alice, n) })
		}
		wg.Go(func() { // what a hub does in the background, without its pauses
			for ctx.Err() == nil {
				if _, err := h.App.Tidy(ctx, content.Keep{}); err != nil && ctx.Err() == nil {
					t.Errorf("collection: %v", err)
				}
				if err := h.App.Content().FoldAll(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("fold: %v", err)
				}
			}
		})
		runs := 0
		for start := time.Now(); runs < 3 || time.Since(start) < 1500*time.Millisecond; runs++ {
			if r := h.Fsck(fsck.Options{Data: true, SHA256: true}); !r.Clean() {
				t.Errorf("run %d:\n%s", runs, text(r))
				break
			}
		}
		stop()
		wg.Wait()
		h.Sound()
		t.Logf("%d runs beside %v changes", runs, changes)
	}
	change := func(c *config.Config) { c.RateLimit.Enabled = false }
	t.Run("sqlite+folder", func(t *testing.T) { atWork(t, testhub.New(t, change)) })
	t.Run("postgres+s3", func(t *testing.T) { atWork(t, testhub.NewScaled(t, change)) })
}

// F12: of a hundred objects of each kind with one flipped bit each, a hundred are found, and each is named with its
// repository.
func TestEveryFlippedBitIsFound(t *testing.T) {
	const each = 100
	w := &world{Hub: testhub.New(t), t: t}
	w.alice = w.Member("alice", false)
	w.CreateRepo(w.alice, hub.Model, "alice/model", false)
	for i := range each {
		w.CommitLarge(w.alice, hub.Model, "alice/model", fmt.Sprintf("f%d.bin", i), random(uint64(i), 20_000))
	}
	w.get(&w.repo, "SELECT id FROM repo WHERE name = 'model'")
	xorbs := w.keys("xorbs/", "")
	if len(xorbs) != each {
		t.Fatalf("%d xorbs", len(xorbs))
	}
	r := rand.New(rand.NewPCG(1, 12))
	anyBit := func(b []byte) []byte {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	}
	for _, key := range xorbs {
		w.spoil(key, anyBit)
	}
	var packs []int64
	if err := w.App.DB().Select(t.Context(), &packs, "SELECT seq FROM git_pack WHERE repo_id = ? AND pack_key = ''", w.repo); err != nil {
		t.Fatal(err)
	}
	for _, seq := range packs {
		w.column("git_pack", "pack", "repo_id = ? AND seq = ?", anyBit, w.repo, seq)
	}
	if len(packs) == 0 {
		t.Fatal("no packs")
	}
	report := w.Fsck(fsck.Options{Data: true})
	found := map[fsck.Kind]int{}
	for _, f := range report.Findings {
		for _, a := range f.Affects {
			if a.Repo == "alice/model" {
				found[f.Kind]++
				break
			}
		}
	}
	if found["xorb.corrupt"] != each || found["pack.corrupt"] != len(packs) {
		t.Errorf("found %v of %d xorbs and %d packs:\n%s", found, each, len(packs), text(report))
	}
	t.Logf("flipped one bit in each of %d xorbs and %d packs: found %v", each, len(packs), found)
}
