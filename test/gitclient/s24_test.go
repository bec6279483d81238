package gitclient

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// TestS24DeleteAndPush: a repository, or a branch, that goes while people push to it is gone or is what one of them pushed;
// who lost hears so, and a new repository of the name has nothing of the old one.
func TestS24DeleteAndPush(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		const n = 6
		dirs, tips := make([]string, n), make([]string, n)
		seed := u.clone("alice/m")
		u.git(seed, "push", "-q", "origin", "main:refs/heads/side")
		for i := range n {
			dirs[i] = u.clone("alice/m")
			u.write(dirs[i], "file.txt", strings.Repeat("x", i+1))
			tips[i] = u.commit(dirs[i], fmt.Sprint("racer ", i))
		}
		rush := func(push func(i int) (string, bool), remove func() testhub.Answer) (won []int, removed testhub.Answer) {
			var mu sync.Mutex
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					out, ok := push(i)
					mu.Lock()
					defer mu.Unlock()
					if ok {
						won = append(won, i)
					} else if !strings.Contains(out, "rejected") && !strings.Contains(out, "not found") && !strings.Contains(out, "not exist") && !strings.Contains(out, "HTTP 404") {
						t.Errorf("%d lost without a reason:\n%s", i, out)
					}
				})
			}
			wg.Go(func() { removed = remove() })
			wg.Wait()
			return won, removed
		}

		won, removed := rush(func(i int) (string, bool) { return u.try(dirs[i], "", "git", "push", "origin", "main:side") },
			func() testhub.Answer { return h.Do(alice, http.MethodDelete, "/api/models/alice/m/branch/side", nil) })
		list := u.git(seed, "ls-remote", "origin", "refs/heads/side")
		t.Logf("S24: %d of %d pushes won beside the branch's deletion (%d): %q", len(won), n, removed.Status, list)
		if removed.Status != http.StatusOK && removed.Status != http.StatusConflict || len(won) > 2 { // before the deletion, and after it
			t.Errorf("%d won; the deletion: %d %s", len(won), removed.Status, removed.Body)
		}
		if list != "" {
			var is bool
			for _, i := range won {
				is = is || strings.HasPrefix(list, tips[i])
			}
			if !is {
				t.Errorf("the branch is what nobody pushed who won: %q, %v of %v", list, won, tips)
			}
		}

		won, removed = rush(func(i int) (string, bool) { return u.try(dirs[i], "", "git", "push", "origin", "main") },
			func() testhub.Answer {
				return h.Do(alice, http.MethodDelete, "/api/repos/delete", map[string]any{"name": "m", "organization": "alice", "type": "model"})
			})
		t.Logf("S24: %d of %d pushes won beside the repository's deletion (%d)", len(won), n, removed.Status)
		if removed.Status != http.StatusOK || len(won) > 1 {
			t.Errorf("%d won; the deletion: %d %s", len(won), removed.Status, removed.Body)
		}
		if out, ok := u.try(seed, "", "git", "fetch", "origin"); ok {
			t.Errorf("it is still there: %s", out)
		}
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		if got := u.git(seed, "ls-remote", u.remote("alice/m")); strings.Count(got, "\n") > 1 || strings.Contains(got, "side") {
			t.Errorf("the new one has %q", got)
		}
		for i := range n {
			if a := h.Do(alice, http.MethodGet, "/api/models/alice/m/commits/"+tips[i], nil); a.Status != http.StatusNotFound {
				t.Errorf("what racer %d pushed is in the new one: %d", i, a.Status)
			}
		}
	})
}
