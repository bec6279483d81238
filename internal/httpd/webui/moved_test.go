package webui_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/hub"
)

// TestACommitDoesNotBreakADownload: a file that is remembered by its address and changes before its bytes are read is
// answered whole, as it was or as it is, and never with a status that the connection then takes back.
func TestACommitDoesNotBreakADownload(t *testing.T) {
	w := newWorld(t, "")
	text := func(i int) string { return strings.Repeat(fmt.Sprintf("version %06d\n", i), 2000) } // too long to be kept
	w.repo(hub.Model, "alice/moving", hub.Public, map[string]string{"a.txt": text(0)})
	rp, _, err := w.repos.Find(context.Background(), nil, hub.RepoID{Type: hub.Model, Namespace: "alice", Name: "moving"})
	w.must(err)
	// Not the default branch: the head of that was read with the repository.
	w.must(w.content.CreateBranch(context.Background(), w.actor["alice"], rp, content.NewBranch{Name: "dev"}))
	const path = "/alice/moving/resolve/dev/a.txt"
	tags := map[string]string{}
	for i, headers := range [][]string{nil, {"Range", "bytes=0-14"}, {"Range", "bytes=0-14,15000-15014"}} {
		tags[w.get(path).header.Get("ETag")] = text(i) // and it is remembered
		asked := 0
		w.looked = func() {
			if asked++; asked > 1 {
				return
			}
			w.commitTo("dev", rp, w.actor["alice"], "Change it", map[string]string{"a.txt": text(i + 1)})
		}
		a := w.get(path, headers...)
		if w.looked = nil; asked != 1 { // Go's client asks again by itself
			t.Errorf("%v: the answer was broken off", headers)
		}
		tags[w.get(path).header.Get("ETag")] = text(i + 1)
		of := tags[a.header.Get("ETag")]
		switch i {
		case 0:
			if a.status != http.StatusOK || a.body != of {
				t.Errorf("the whole: %d, %d bytes", a.status, len(a.body))
			}
		case 1:
			if a.status != http.StatusPartialContent || a.body != of[:15] {
				t.Errorf("a range: %d, %q", a.status, a.body)
			}
		case 2:
			if a.status != http.StatusPartialContent || !strings.Contains(a.body, "\r\n\r\n"+of[:15]+"\r\n") || !strings.Contains(a.body, "\r\n\r\n"+of[15000:15015]+"\r\n") {
				t.Errorf("two ranges: %d, %q", a.status, a.body)
			}
		}
	}
}
