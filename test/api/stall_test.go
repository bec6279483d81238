package api

import (
	"encoding/base64"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A client that stops in the middle of a long line once held the memory that all other long lines wait for.
func TestStalledCommitHoldsUpNobody(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	h.CreateRepo(h.Admin, hub.Model, "admin/stall", false)
	half := `{"key":"header","value":{"summary":"s"}}` + "\n" + `{"key":"file","value":{"path":"a.txt","encoding":"base64","content":"` + strings.Repeat("YWFh", 200_000)
	for range 4 {
		r, w := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/api/models/admin/stall/commit/main", r)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+h.Admin.Token)
		req.Header.Set("Content-Type", "application/x-ndjson")
		go func() {
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
			}
		}()
		if _, err := io.WriteString(w, half); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.CloseWithError(io.ErrUnexpectedEOF) })
	}
	start := time.Now()
	text := base64.StdEncoding.EncodeToString(make([]byte, 5_000_000))
	body := `{"key":"header","value":{"summary":"s"}}` + "\n" + `{"key":"file","value":{"path":"b.txt","encoding":"base64","content":"` + text + `"}}`
	if a := h.Do(h.Admin, http.MethodPost, "/api/models/admin/stall/commit/main", body, "Content-Type", "application/x-ndjson"); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("a commit waited %s for stalled ones", took)
	}
}

// TestStalledArchivesHoldUpNobody: clients that do not read hold no processor, and one client holds a few places at most.
func TestStalledArchivesHoldUpNobody(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	alice, bob := model(h, "alice", "m", map[string]string{"small": "1"}), h.User("bob")
	rnd, noise := rand.NewChaCha8([32]byte{}), make([]byte, 30<<20)
	_, _ = rnd.Read(noise)
	sha := putLarge(t, h, alice, "alice/m", string(noise))
	ok[dict](t, "commit", commit(h, alice, "alice/m", header("large"), line("lfsFile", dict{"path": "large.bin", "algo": "sha256", "oid": sha, "size": len(noise)})))
	begin := func(c testhub.Caller) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/alice/m/archive/main.zip", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	for i := range 4 {
		if resp := begin(alice); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d: %d", i, resp.StatusCode)
		}
	}
	a := get(h, alice, "/alice/m/archive/main.zip")
	refused(t, "a fifth", a, 503, "", "wait")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	start := time.Now()
	resp := begin(bob)
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n < int64(len(noise)) || time.Since(start) > time.Minute {
		t.Errorf("another client's archive: %d bytes, %v, after %v", n, err, time.Since(start))
	}
}

// TestArchiveIsFreedWhenTheClientGoes: places come back.
func TestArchiveIsFreedWhenTheClientGoes(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	alice := model(h, "alice", "m", map[string]string{"small": "1"})
	for range 20 { // more than one client may have at once
		if a := get(h, alice, "/alice/m/archive/main.tar.gz"); a.Status != http.StatusOK {
			t.Fatal(a.Status)
		}
	}
}

// TestDamagedArchiveIsCut: a large file whose bytes are gone ends the answer, so that no archive passes for whole.
func TestDamagedArchiveIsCut(t *testing.T) {
	t.Parallel()
	var data string
	h := testhub.New(t, func(c *config.Config) { data = c.Data })
	alice := model(h, "alice", "m", map[string]string{"a": "1"})
	rnd, noise := rand.NewChaCha8([32]byte{2}), make([]byte, 3<<20)
	_, _ = rnd.Read(noise)
	sha := putLarge(t, h, alice, "alice/m", string(noise))
	ok[dict](t, "commit", commit(h, alice, "alice/m", header("large"), line("lfsFile", dict{"path": "large.bin", "algo": "sha256", "oid": sha, "size": len(noise)})))
	damaged := 0
	err := filepath.WalkDir(data, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(p, "xorb") {
			damaged++
			return os.Truncate(p, 100)
		}
		return err
	})
	if err != nil || damaged == 0 {
		t.Fatal(damaged, err)
	}
	for _, name := range []string{"main.zip", "main.tar.gz"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/alice/m/archive/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // cut before the first byte left
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK {
			t.Errorf("%s: %d bytes passed for whole", name, n)
		}
	}
}
