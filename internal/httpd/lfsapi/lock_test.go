package lfsapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/lfs"
)

type lock struct {
	ID       string
	Path     string
	LockedAt string `json:"locked_at"`
	Owner    struct{ Name string }
}

type lockAnswer struct {
	Lock    lock
	Locks   []lock
	Ours    []lock
	Theirs  []lock
	Next    string `json:"next_cursor"`
	Message string
}

func (h *house) locks(method, repo, path, token string, body any) (int, lockAnswer) {
	h.T.Helper()
	var b []byte
	if body != nil {
		b, _ = json.Marshal(body)
	}
	a := h.Do(method, "/"+repo+".git/info/lfs/locks"+path, token, b, "Content-Type", lfs.MediaType, "Accept", lfs.MediaType)
	if a.Header.Get("Content-Type") != lfs.MediaType {
		h.T.Errorf("%s %s: content type %q", method, path, a.Header.Get("Content-Type"))
	}
	var out lockAnswer
	a.JSON(h.T, &out)
	return a.StatusCode, out
}

func paths(locks []lock) string {
	var p []string
	for _, l := range locks {
		p = append(p, l.Path+"="+l.Owner.Name)
	}
	return strings.Join(p, " ")
}

type m = map[string]any

func TestLocks(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		want := func(what string, status int, a lockAnswer, wantStatus int) {
			t.Helper()
			if status != wantStatus {
				t.Fatalf("%s: %d, want %d: %+v", what, status, wantStatus, a)
			}
		}
		status, a := h.locks("POST", "alice/open", "", h.alice.Token, m{"path": "images/a b.psd", "ref": m{"name": "refs/heads/main"}})
		want("lock", status, a, 201)
		first := a.Lock
		if first.Path != "images/a b.psd" || first.Owner.Name != "alice" || len(first.ID) != 24 || !strings.HasSuffix(first.LockedAt, "Z") {
			t.Errorf("%+v", first)
		}
		status, a = h.locks("POST", "alice/open", "", h.alice.Token, m{"path": "images/a b.psd"})
		want("one's own again", status, a, 409)
		if a.Lock != first || a.Message == "" {
			t.Errorf("a conflict without the lock: %+v", a)
		}
		status, a = h.locks("POST", "alice/secret", "", h.alice.Token, m{"path": "images/a b.psd"})
		want("the path in another repository", status, a, 201)
		elsewhere := a.Lock
		for _, path := range []string{"", "/a", "a//b", "../a", "a/../b", ".git/config", strings.Repeat("a", 5000), "a\x00b"} {
			if status, a := h.locks("POST", "alice/open", "", h.alice.Token, m{"path": path}); status != 422 {
				t.Errorf("path %.20q: %d %+v", path, status, a)
			}
		}

		// Others.
		carol := h.User("carol")
		d.Exec("UPDATE repo SET owner_id = ? WHERE name = 'open'", carol.ID)
		d.Exec("UPDATE users SET site_admin = TRUE WHERE id = ?", h.alice.ID) // alice may still write
		status, a = h.locks("POST", "alice/open", "", carol.Token, m{"path": "images/a b.psd"})
		want("another's", status, a, 409)
		if a.Lock.Owner.Name != "alice" {
			t.Errorf("the conflict does not say who: %+v", a)
		}
		status, a = h.locks("POST", "alice/open", "", carol.Token, m{"path": "b.bin"})
		want("a second", status, a, 201)
		second := a.Lock
		status, a = h.locks("POST", "alice/open", "/verify", carol.Token, m{})
		want("verify", status, a, 200)
		if paths(a.Ours) != "b.bin=carol" || paths(a.Theirs) != "images/a b.psd=alice" || a.Next != "" {
			t.Errorf("verify: %+v", a)
		}
		for query, found := range map[string]string{
			"": "b.bin=carol images/a b.psd=alice", "?path=b.bin": "b.bin=carol", "?path=none": "", "?id=" + first.ID: "images/a b.psd=alice",
			"?id=" + second.ID + "&path=images": "", "?id=" + elsewhere.ID: "", "?refspec=refs/heads/main&limit=0": "b.bin=carol images/a b.psd=alice",
		} {
			if status, a := h.locks("GET", "alice/open", query, "", nil); status != 200 || paths(a.Locks) != found || a.Locks == nil {
				t.Errorf("GET %s: %d %+v", query, status, a)
			}
		}
		status, a = h.locks("GET", "alice/open", "?limit=1", "", nil)
		want("a page", status, a, 200)
		next := a.Next
		if len(a.Locks) != 1 || next == "" {
			t.Errorf("a page of one: %+v", a)
		}
		if status, a = h.locks("GET", "alice/open", "?limit=1&cursor="+next, "", nil); status != 200 || paths(a.Locks) != "images/a b.psd=alice" || a.Next != "" {
			t.Errorf("the next page: %d %+v", status, a)
		}
		if status, a = h.locks("POST", "alice/open", "/verify", carol.Token, m{"limit": 1, "cursor": next}); status != 200 || paths(a.Theirs) != "images/a b.psd=alice" || a.Next != "" {
			t.Errorf("the next page to verify: %d %+v", status, a)
		}
		for _, query := range []string{"?cursor=%21", "?limit=-1", "?limit=x"} {
			if status, _ := h.locks("GET", "alice/open", query, "", nil); status != 400 {
				t.Errorf("GET %s: %d", query, status)
			}
		}

		status, a = h.locks("POST", "alice/open", "/"+first.ID+"/unlock", carol.Token, m{})
		want("another's without force", status, a, 403)
		status, a = h.locks("POST", "alice/open", "/"+first.ID+"/unlock", carol.Token, m{"force": true})
		want("another's with force", status, a, 200)
		if a.Lock != first {
			t.Errorf("unlocked %+v", a)
		}
		status, a = h.locks("POST", "alice/open", "/"+first.ID+"/unlock", carol.Token, m{"force": true})
		want("what is gone", status, a, 404)
		status, a = h.locks("POST", "alice/open", "/"+second.ID+"/unlock", carol.Token, nil)
		want("one's own", status, a, 200)
		if _, a = h.locks("GET", "alice/open", "", "", nil); len(a.Locks) != 0 {
			t.Errorf("left: %+v", a)
		}
	})
}

// Many ask for one path: one gets it, all others learn who.
func TestLockRace(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		var got atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				switch status, a := h.locks("POST", "alice/secret", "", h.alice.Token, m{"path": "one"}); status {
				case 201:
					got.Add(1)
				case 409:
					if a.Lock.Path != "one" {
						t.Errorf("%+v", a)
					}
				default:
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Errorf("%d have it", got.Load())
		}
	})
}

// S8, as CVE-2026-20897: the id of a lock opens nothing to who may not write to its repository, and nothing is told about locks
// of a repository that one may not see.
func TestLocksOfOthersStay(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnish(d)
		_, a := h.locks("POST", "alice/secret", "", h.alice.Token, m{"path": "secret.bin"})
		private := a.Lock.ID
		_, a = h.locks("POST", "alice/open", "", h.alice.Token, m{"path": "open.bin"})
		public := a.Lock.ID
		for _, c := range []struct {
			repo, id string
			token    string
			status   int
		}{
			{"alice/secret", private, h.mallory.Token, 404}, {"alice/secret", private, "", 401}, {"alice/absent", private, h.mallory.Token, 404},
			{"mallory/den", private, h.mallory.Token, 404}, {"mallory/den", public, h.mallory.Token, 404},
			{"alice/open", public, h.mallory.Token, 403}, {"alice/open", public, "", 401}, {"alice/open", private, h.alice.Token, 404},
			{"alice/secret", private, h.alice.ReadToken, 403},
		} {
			for _, force := range []bool{false, true} {
				if status, a := h.locks("POST", c.repo, "/"+c.id+"/unlock", c.token, m{"force": force}); status != c.status || a.Lock.ID != "" || strings.Contains(fmt.Sprint(a), ".bin") {
					t.Errorf("unlock %s in %s, force %v: %d %+v, want %d", c.id, c.repo, force, status, a, c.status)
				}
			}
		}
		for _, path := range []string{"", "?id=" + private, "?path=secret.bin"} {
			s1, a1 := h.locks("GET", "alice/secret", path, h.mallory.Token, nil)
			s2, a2 := h.locks("GET", "alice/absent", path, h.mallory.Token, nil)
			if s1 != 404 || s2 != 404 || a1.Message != a2.Message {
				t.Errorf("GET %s: %d %v and %d %v", path, s1, a1, s2, a2)
			}
		}
		if status, _ := h.locks("POST", "alice/open", "", h.mallory.Token, m{"path": "x"}); status != 403 {
			t.Errorf("a stranger locks: %d", status)
		}
		if status, _ := h.locks("POST", "alice/open", "/verify", h.mallory.Token, m{}); status != 403 {
			t.Errorf("a stranger verifies: %d", status)
		}
		if n := d.Count(t, "lfs_lock"); n != 2 {
			t.Errorf("%d locks are left of 2", n)
		}
	})
}
