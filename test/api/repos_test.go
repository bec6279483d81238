package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

func TestCreateRepo(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("acme", bob, nil)
		type made struct{ URL, Name, ID string }
		for _, body := range []dict{
			{"name": "m", "organization": nil},
			{"name": "m", "type": "dataset", "private": true},
			{"name": "alice/s", "type": "space", "sdk": "static"},
			{"name": "v", "visibility": "private"},
			{"name": "lic", "license": "mit"},
			{"name": "Case.Kept_1-2"},
			{"name": strings.Repeat("a", 90)}, // with its namespace 96, as clients have it
			{"name": "f", "files": []dict{{"path": "a/b.txt", "content": "aGk=", "encoding": "base64"}}},
		} {
			m := ok[made](t, fmt.Sprint(body), post(h, alice, "/api/repos/create", body))
			if !strings.HasPrefix(m.URL, h.URL+"/") || !strings.Contains(m.URL, "alice/") || !strings.HasPrefix(m.Name, "alice/") || len(m.ID) != 24 {
				t.Errorf("%v: %+v", body, m)
			}
		}
		if got := read(h, alice, "alice/f", "main", "a/b.txt"); got != "hi" {
			t.Errorf("initial file: %q", got)
		}
		if got := read(h, alice, "alice/lic", "main", "README.md"); !strings.Contains(got, "license: mit") {
			t.Errorf("licence: %q", got)
		}
		commits := ok[[]struct{ Title string }](t, "commits", get(h, alice, "/api/models/alice/m/commits/main"))
		if len(commits) != 1 || commits[0].Title != "initial commit" {
			t.Errorf("a new repository has %v", commits)
		}
		for _, path := range []string{"/api/datasets/alice/m", "/api/models/alice/v"} {
			refused(t, "private for others: "+path, get(h, bob, path), 404, "RepoNotFound")
		}

		for name, what := range map[string]string{
			"": "empty", "-a": "leading dash", "a-": "trailing dash", ".a": "leading dot", "a.": "trailing dot", "a--b": "two dashes",
			"a..b": "two dots", "a.git": "git ending", "a b": "space", "alice/b/c": "two slashes", "ä": "umlaut", "a\x00b": "NUL", "a\nb": "line end",
			"..": "dots", "%2e%2e": "encoded dots", strings.Repeat("a", 91): "97 characters", "a'; DROP TABLE repo; --": "SQL", "a\\b": "backslash",
		} {
			a := post(h, alice, "/api/repos/create", dict{"name": name})
			refused(t, what, a, 400, "")
		}
		for _, body := range []any{
			dict{"name": 5}, dict{"name": "x", "type": "banana"}, dict{"name": "x", "private": "yes"}, dict{"name": "x", "visibility": "secret"},
			dict{"name": "x", "private": true, "visibility": "public"}, dict{"name": "x", "files": []dict{{"path": "../a", "content": ""}}},
			dict{"name": "x", "files": []dict{{"path": "a", "content": "%%", "encoding": "base64"}}}, dict{"name": "x", "files": []dict{{"path": "a", "content": "", "encoding": "rot13"}}},
			dict{"name": "x", "organization": 7}, []int{1}, "{", "null x", "[]", `"x"`,
		} {
			if a := post(h, alice, "/api/repos/create", body); a.Status != 400 && a.Status != 422 {
				t.Errorf("%v: %d %s", body, a.Status, a.Body)
			} else {
				refused(t, fmt.Sprint(body), a, a.Status, "")
			}
		}
		refused(t, "absent after refusals", get(h, alice, "/api/models/alice/x"), 404, "RepoNotFound")

		for _, name := range []string{"m", "M"} {
			a := post(h, alice, "/api/repos/create", dict{"name": name})
			refused(t, "taken", a, 409, "", "already")
			if got := decode(t, a)["url"]; !strings.EqualFold(fmt.Sprint(got), h.URL+"/alice/m") {
				t.Errorf("409 without the url of what is there: %v", got)
			}
		}
		refused(t, "anonymous", post(h, nobody, "/api/repos/create", dict{"name": "z"}), 401, "")
		refused(t, "in another's name", post(h, alice, "/api/repos/create", dict{"name": "z", "organization": "bob"}), 403, "")
		refused(t, "in another's organisation", post(h, alice, "/api/repos/create", dict{"name": "z", "organization": "acme"}), 403, "")
		a := post(h, alice, "/api/repos/create", dict{"name": "z", "organization": "nobody-here"})
		if a.Status != 403 && a.Status != 404 {
			t.Errorf("in an absent namespace: %d %s", a.Status, a.Body)
		}
		ok[made](t, "organisation", post(h, bob, "/api/repos/create", dict{"name": "Z", "organization": "ACME"}))
		for _, extra := range []string{"hardware", "storageTier", "secrets", "volumes"} {
			a := post(h, alice, "/api/repos/create", dict{"name": "sp", "type": "space", "sdk": "gradio", extra: []dict{{"key": "A", "value": "b"}}})
			if a.Status < 400 {
				t.Errorf("%s is taken and ignored: %d %s", extra, a.Status, a.Body)
			}
		}
	})
}

func decode(t *testing.T, a testhub.Answer) dict {
	t.Helper()
	return must[dict](t, a.Body)
}

func TestRepoIDs(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		model(h, "alice", "Model", map[string]string{"f.txt": "hi"})
		for _, id := range []string{"alice/model", "ALICE/MODEL", "Alice/mOdEl"} {
			if got := ok[struct{ ID string }](t, id, get(h, nobody, "/api/models/"+id)).ID; got != "alice/Model" {
				t.Errorf("%s: id %q", id, got)
			}
			if got := read(h, nobody, id, "main", "f.txt"); got != "hi" {
				t.Errorf("%s: %q", id, got)
			}
		}
		for _, c := range []testhub.Caller{nobody, h.User("bob")} {
			status := 401
			if c.Token != "" {
				status = 404
			}
			for _, path := range []string{"/api/models/gpt2", "/api/models/gpt2/revision/main", "/gpt2/resolve/main/config.json", "/datasets/squad/resolve/main/x.py",
				"/api/datasets/squad", "/api/spaces/a/b", "/api/models/a/b/tree/main", "/a/b/resolve/main/x", "/api/models/alice%2FModel%2Fx/refs"} {
				if a := get(h, c, path); a.Status != status || a.Header.Get("X-Error-Code") != "RepoNotFound" {
					t.Errorf("%s: %d %q %s", path, a.Status, a.Header.Get("X-Error-Code"), a.Body)
				}
			}
		}
	})
}

func TestMoveRepo(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "old", map[string]string{"a b#%?.txt": "hi"})
		bob := h.User("bob")
		h.Org("acme", alice, nil)
		move := func(c testhub.Caller, from, to string) testhub.Answer {
			return post(h, c, "/api/repos/move", dict{"fromRepo": from, "toRepo": to, "type": "model"})
		}
		refused(t, "stranger", move(bob, "alice/old", "bob/new"), 403, "")
		refused(t, "into another's namespace", move(alice, "alice/old", "bob/new"), 403, "")
		refused(t, "absent", move(alice, "alice/nope", "alice/new"), 404, "RepoNotFound")
		for _, to := range []string{"", "new", "/new", "alice/", "alice/a b", "alice/.git", "alice/a/b", "alice/x.git"} {
			refused(t, "to "+to, move(alice, "alice/old", to), 400, "")
		}
		h.CreateRepo(alice, hub.Model, "alice/taken", true)
		refused(t, "taken", move(alice, "alice/old", "alice/TAKEN"), 409, "", "already exists")
		h.JSON(alice, http.MethodPut, "/api/models/alice/old/settings", dict{"private": true}, nil)
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "alice/old", "toRepo": "acme/new"}, nil)

		for _, c := range []struct{ method, path, to string }{
			{"GET", "/api/models/alice/old", "/api/models/acme/new"},
			{"GET", "/api/models/ALICE/Old/tree/main?recursive=true&expand=false", "/api/models/acme/new/tree/main?recursive=true&expand=false"},
			{"GET", "/alice/old/resolve/main/a%20b%23%25%3F.txt?download=1", "/acme/new/resolve/main/a%20b%23%25%3F.txt?download=1"},
			{"HEAD", "/alice/old/resolve/main/a%20b%23%25%3F.txt", "/acme/new/resolve/main/a%20b%23%25%3F.txt"},
			{"POST", "/api/models/alice/old/paths-info/main", "/api/models/acme/new/paths-info/main"},
			{"POST", "/api/models/alice/old/commit/main", "/api/models/acme/new/commit/main"},
			{"GET", "/api/models/alice/old/revision/old", "/api/models/acme/new/revision/old"},
		} {
			a := h.Do(alice, c.method, c.path, nil)
			if a.Status != 307 || a.Header.Get("Location") != c.to {
				t.Errorf("%s %s: %d %q", c.method, c.path, a.Status, a.Header.Get("Location"))
			}
			if a := h.Do(bob, c.method, c.path, nil); a.Status != 404 || a.Header.Get("X-Error-Code") != "RepoNotFound" || a.Header.Get("Location") != "" {
				t.Errorf("a stranger is told about %s: %d %v", c.path, a.Status, a.Header)
			}
		}
		if got := read(h, alice, "acme/new", "main", "a b#%?.txt"); got != "hi" {
			t.Errorf("after the move: %q", got)
		}
		// Nobody takes the old name while it leads somewhere (S27).
		refused(t, "old name", post(h, alice, "/api/repos/create", dict{"name": "old"}), 409, "")
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "acme/new", "toRepo": "alice/old"}, nil)
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "alice/old", "toRepo": "acme/new"}, nil)
		h.JSON(alice, http.MethodDelete, "/api/repos/delete", dict{"name": "new", "organization": "acme"}, nil)
		refused(t, "deleted", get(h, alice, "/api/models/acme/new"), 404, "RepoNotFound")
	})
}

func TestDeleteRepo(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		oid := head(h, alice, "alice/m", "main")
		bob := h.User("bob")
		del := func(c testhub.Caller, body any) testhub.Answer {
			return h.Do(c, http.MethodDelete, "/api/repos/delete", body)
		}
		refused(t, "stranger", del(bob, dict{"name": "m", "organization": "alice"}), 403, "")
		refused(t, "anonymous", del(nobody, dict{"name": "m", "organization": "alice"}), 401, "")
		refused(t, "other type", del(alice, dict{"name": "m", "type": "dataset"}), 404, "RepoNotFound")
		refused(t, "no name", del(alice, dict{}), 404, "RepoNotFound")
		h.JSON(alice, http.MethodDelete, "/api/repos/delete", dict{"name": "alice/m", "type": "model"}, nil)
		refused(t, "again", del(alice, dict{"name": "m"}), 404, "RepoNotFound")
		refused(t, "file", get(h, alice, "/alice/m/resolve/main/f"), 404, "RepoNotFound")
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		refused(t, "what the first one held", get(h, alice, "/alice/m/resolve/"+oid+"/f"), 404, "RevisionNotFound")
	})
}

func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		bob := h.User("bob")
		put := func(c testhub.Caller, body any) testhub.Answer {
			return h.Do(c, http.MethodPut, "/api/models/alice/m/settings", body)
		}
		for _, body := range []dict{
			{"private": true}, {"visibility": "public"}, {"gated": "auto"}, {"gated": "manual"}, {"gated": false}, {"discussionsDisabled": true},
			{"lfs_threshold_bytes": 1_000_000}, {"lfs_threshold_bytes": nil}, {"lfs_keep_versions": 2}, {"lfs_keep_versions": nil},
			{"lfs_suffix_rules": []string{".Foo", ".bar", ".bar"}}, {"lfs_suffix_rules": []string{}}, {"lfs_suffix_rules": nil}, {},
		} {
			if a := put(alice, body); a.Status != 200 || decode(t, a)["success"] != true {
				t.Errorf("%v: %d %s", body, a.Status, a.Body)
			}
		}
		before := decode(t, put(alice, dict{}))
		for _, body := range []any{
			dict{"private": "true"}, dict{"private": 1}, dict{"private": true, "visibility": "public"}, dict{"visibility": "internal"}, dict{"visibility": 3},
			dict{"gated": true}, dict{"gated": "maybe"}, dict{"gated": nil}, dict{"gated": 0}, dict{"discussionsDisabled": "no"},
			dict{"lfs_threshold_bytes": 999_999}, dict{"lfs_threshold_bytes": -1}, dict{"lfs_threshold_bytes": "5MB"}, dict{"lfs_threshold_bytes": 1.5e6 + 0.5},
			dict{"lfs_threshold_bytes": 1e30}, dict{"lfs_keep_versions": 1}, dict{"lfs_keep_versions": -5}, dict{"lfs_keep_versions": true},
			dict{"lfs_suffix_rules": "x"}, dict{"lfs_suffix_rules": []string{"bin"}}, dict{"lfs_suffix_rules": []string{"."}}, dict{"lfs_suffix_rules": []string{".a/b"}},
			dict{"lfs_suffix_rules": []int{1}}, dict{"lfs_suffix_rules": []string{"." + strings.Repeat("x", 64)}}, dict{"lfs_suffix_rules": many(".x%d", 101)},
			dict{"unknown": 1}, dict{"discussionsDisabled": false, "gated": "nope"}, []int{}, "{", `{"private":}`, "[1", "5",
		} {
			refused(t, fmt.Sprint(body), put(alice, body), 400, "")
		}
		if after := decode(t, put(alice, dict{})); fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("refused settings changed something:\n%v\n%v", before, after)
		}
		refused(t, "stranger", put(bob, dict{"private": true}), 403, "")
		refused(t, "not there yet", put(alice, dict{"discussionsSorting": "x"}), 501, "NotImplemented")
		h.CreateRepo(alice, hub.Space, "alice/s", false)
		refused(t, "gated Space", h.Do(alice, "PUT", "/api/spaces/alice/s/settings", dict{"gated": "auto"}), 400, "")

		// The gate: what is inside is for the owner, the rest stays readable (S25: at once).
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"f": "1"})
		h.JSON(alice, "PUT", "/api/models/alice/m/settings", dict{"gated": "auto"}, nil)
		refused(t, "gate", get(h, bob, "/alice/m/resolve/main/f"), 403, "GatedRepo", "restricted")
		refused(t, "gate", get(h, nobody, "/alice/m/resolve/main/f"), 401, "GatedRepo", "restricted")
		refused(t, "gate", get(h, bob, "/api/models/alice/m/auth-check"), 403, "GatedRepo")
		if got := ok[dict](t, "info", get(h, nobody, "/api/models/alice/m"))["gated"]; got != "auto" {
			t.Errorf("gated: %v", got)
		}
		h.JSON(alice, "PUT", "/api/models/alice/m/settings", dict{"visibility": "private"}, nil)
		refused(t, "made private", get(h, bob, "/api/models/alice/m"), 404, "RepoNotFound")
	})
}

func many(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

func TestDuplicate(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		bob := h.User("bob")
		dup := func(c testhub.Caller, to string) testhub.Answer {
			return post(h, c, "/api/models/alice/m/duplicate", dict{"repository": to, "private": true})
		}
		got := ok[struct{ URL string }](t, "duplicate", dup(bob, "bob/copy"))
		if got.URL != h.URL+"/bob/copy" {
			t.Errorf("url %q", got.URL)
		}
		if got := read(h, bob, "bob/copy", "main", "f"); got != "1" {
			t.Errorf("copy: %q", got)
		}
		refused(t, "private copy", get(h, alice, "/api/models/bob/copy"), 404, "RepoNotFound")
		a := dup(bob, "bob/copy")
		refused(t, "again", a, 409, "")
		if decode(t, a)["url"] != h.URL+"/bob/copy" {
			t.Errorf("409: %s", a.Body)
		}
		refused(t, "elsewhere", dup(bob, "alice/copy"), 403, "")
		for _, to := range []string{"", "copy", "bob/", "bob/-", "bob/a b", "bob/a/b"} {
			refused(t, "to "+to, dup(bob, to), 400, "")
		}
		commit(h, bob, "bob/copy", header("s"), file("f", "2"))
		if got := read(h, alice, "alice/m", "main", "f"); got != "1" {
			t.Errorf("a commit to the copy changed the original: %q", got)
		}
	})
}
