package api

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

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
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("a commit waited %s for stalled ones", took)
	}
}
