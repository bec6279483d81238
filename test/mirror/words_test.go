package mirror

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A commit that the hub words is worded as git words it.
func TestWordsAreGits(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		c := h.User("alice")
		w := &world{t: t, h: h, c: c, id: "alice/words"}
		h.CreateRepo(c, hub.Model, w.id, false)
		h.Commit(c, hub.Model, w.id, "main", map[string]string{"f": "1\n2\n3\n"})
		for _, b := range []string{"dev", "topic/one"} {
			w.must("POST", "/branch/"+url.PathEscape(b), map[string]any{})
		}
		h.Commit(c, hub.Model, w.id, "main", map[string]string{"m": "m"})
		h.Commit(c, hub.Model, w.id, "dev", map[string]string{"d": "d"})
		h.Commit(c, hub.Model, w.id, "topic/one", map[string]string{"t": "1"})
		w.must("POST", "/commit/topic%2Fone", line("header", map[string]any{"summary": "with a body", "description": "first\n\nsecond  \n  third"})+
			line("file", map[string]any{"path": "t", "content": "2"}), "Content-Type", "application/x-ndjson")
		w.must("POST", "/merge/topic%2Fone", map[string]any{"from": "dev", "message": "join"})
		w.must("POST", "/tag/topic%2Fone", map[string]any{"tag": "v1.0"})
		r := newReference(t, w.remote())
		at := func(rev string) string { return r.git("rev-parse", rev) }
		commit := at("origin/topic/one~1")
		r.git("branch", "-f", "topic/one", "origin/topic/one")
		for i, m := range []struct {
			into, from string
			squash     bool
		}{
			{"dev", "main", false}, {"main", "topic/one", false}, {"dev", "topic/one", false}, {"main", "v1.0", false}, {"dev", commit, false},
			{"main", "topic/one", true}, {"dev", commit, true},
		} {
			base := at("origin/" + m.into)
			w.must("POST", "/reset/"+m.into, map[string]any{"to": base})
			a := w.must("POST", "/merge/"+m.into, map[string]any{"from": m.from, "fastForward": "never", "squash": m.squash})
			r.git("fetch", "-q", w.remote(), fmt.Sprintf("+refs/heads/%s:refs/hub/%d", m.into, i))
			r.git("checkout", "-q", "-B", m.into, base)
			if m.from == "main" {
				r.git("branch", "-f", "main", "origin/main")
			}
			if m.squash {
				r.git("merge", "-q", "--squash", m.from)
				r.git("commit", "-q", "--no-edit")
			} else {
				r.git("merge", "-q", "--no-ff", "--no-edit", m.from)
			}
			want, got := r.git("log", "-1", "--format=%T%n%B"), r.git("log", "-1", "--format=%T%n%B", a.CommitOid)
			if got != want {
				t.Errorf("%+v: the hub writes\n%s\ngit writes\n%s", m, got, want)
			}
		}
	})
}
