package gitclient

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Of pushes to one branch at once, one wins and the others hear that they must fetch first.
func TestConcurrentPushes(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		const n = 6
		dirs, tips := make([]string, n), make([]string, n)
		for i := range n {
			dirs[i] = u.clone("alice/m")
			u.write(dirs[i], fmt.Sprintf("file-%d.txt", i), strings.Repeat("x", i))
			tips[i] = u.commit(dirs[i], "mine")
		}
		outs, won := make([]string, n), make([]bool, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				outs[i], won[i] = u.try(dirs[i], "", "git", "push", "origin", "main", fmt.Sprintf("main:refs/heads/own-%d", i))
			})
		}
		wg.Wait()
		winner := -1
		for i := range n {
			if won[i] && winner >= 0 {
				t.Errorf("both %d and %d won", winner, i)
			}
			if won[i] {
				winner = i
			} else if !strings.Contains(outs[i], "fetch first") {
				t.Errorf("%d lost without a reason:\n%s", i, outs[i])
			}
		}
		if winner < 0 {
			t.Fatalf("nobody won: %q", outs)
		}
		list := u.git(dirs[0], "ls-remote", "origin")
		if !strings.Contains(list, tips[winner]+"\trefs/heads/main") {
			t.Errorf("main is not what %d pushed:\n%s", winner, list)
		}
		for i := range n { // the refs that nobody else moved were taken
			if !strings.Contains(list, fmt.Sprintf("%s\trefs/heads/own-%d", tips[i], i)) && !strings.Contains(outs[i], "! [rejected]") {
				t.Errorf("own-%d was not taken:\n%s", i, outs[i])
			}
		}
		u.clone("alice/m", "--mirror")
	})
}

// The same changes made by the API and by git give the same trees, step by step, whoever makes them.
func TestSameTrees(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		dir := u.clone("alice/m")
		r := rand.New(rand.NewPCG(20, 26))
		names := []string{"a", "b.txt", "dir/a", "dir/b", "dir/deep/c", "dir-x", "dir.x/y", "z/z/z/z", "ünï/cödé", "sp ace/f ile"}
		files := map[string]bool{}
		for _, p := range strings.Fields(u.git(dir, "ls-files")) {
			files[p] = true
		}
		clash := func(p string) bool { // a file where a folder is, or the reverse
			for q := range files {
				if strings.HasPrefix(q, p+"/") || strings.HasPrefix(p, q+"/") {
					return true
				}
			}
			return false
		}
		for step := range 100 {
			adds, dels := map[string]string{}, []string{}
			for range 1 + r.IntN(3) {
				p := names[r.IntN(len(names))]
				if _, ok := adds[p]; ok || clash(p) {
					continue
				}
				if files[p] && r.IntN(3) == 0 {
					dels = append(dels, p)
					delete(files, p)
					continue
				}
				if !contains(dels, p) {
					adds[p], files[p] = fmt.Sprintf("%d %s\n", step, strings.Repeat("x", r.IntN(5000))), true
				}
			}
			if len(adds)+len(dels) == 0 {
				continue
			}
			for p, text := range adds {
				u.write(dir, p, text)
			}
			for _, p := range dels {
				u.git(dir, "rm", "-q", "-f", "--", p)
			}
			u.commit(dir, fmt.Sprint("step ", step))
			want := u.git(dir, "rev-parse", "HEAD^{tree}")
			if r.IntN(2) == 0 {
				u.git(dir, "push", "-q", "origin", "main")
			} else { // the API does the same on its own, and git takes over its commit
				ops := []map[string]any{{"key": "header", "value": map[string]any{"summary": "by the API"}}}
				for p, text := range adds {
					ops = append(ops, map[string]any{"key": "file", "value": map[string]any{"path": p, "content": text, "encoding": "utf-8"}})
				}
				for _, p := range dels {
					ops = append(ops, map[string]any{"key": "deletedFile", "value": map[string]any{"path": p}})
				}
				commit(t, h, alice, "alice/m", ops)
				u.git(dir, "fetch", "-q")
				u.git(dir, "reset", "-q", "--hard", "origin/main")
			}
			if got := u.git(dir, "rev-parse", "HEAD^{tree}"); got != want {
				t.Fatalf("step %d: tree %s, git alone makes %s", step, got, want)
			}
		}
		fresh := u.clone("alice/m")
		if a, b := u.git(fresh, "rev-parse", "HEAD"), u.git(dir, "rev-parse", "HEAD"); a != b {
			t.Errorf("a clone is at %s, not %s", a, b)
		}
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func commit(t *testing.T, h *testhub.Hub, who testhub.Caller, id string, ops []map[string]any) {
	t.Helper()
	a := h.Do(who, http.MethodPost, "/api/models/"+id+"/commit/"+url.PathEscape("main"), lines(t, ops), "Content-Type", "application/x-ndjson")
	if a.Status != http.StatusOK {
		t.Fatalf("commit: %d %s", a.Status, a.Body)
	}
}
