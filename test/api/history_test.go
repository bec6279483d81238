package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type refList struct {
	Branches, Tags, Converts, PullRequests []struct{ Name, Ref, TargetCommit string }
}

func TestBranchesAndTags(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f": "1"})
		base := "/api/models/alice/m"
		first := head(h, alice, "alice/m", "main")
		refs := func() refList { return ok[refList](t, "refs", get(h, alice, base+"/refs")) }
		for _, name := range []string{"dev", "feature/a/b", "v1.0-x", "ü", "1234567", "a@b", "refs-x"} {
			h.JSON(alice, "POST", base+"/branch/"+url.PathEscape(name), dict{}, nil)
			refused(t, "again "+name, post(h, alice, base+"/branch/"+url.PathEscape(name), dict{}), 409, "", "already exists")
			h.Commit(alice, "model", "alice/m", name, map[string]string{"g": name})
			if got := read(h, alice, "alice/m", name, "g"); got != name {
				t.Errorf("%s: %q", name, got)
			}
			if got := read(h, alice, "alice/m", "main", "g"); got != "(Not Found)" {
				t.Errorf("%s touched main: %q", name, got)
			}
		}
		if a := post(h, alice, base+"/branch/raw/slash", dict{"startingPoint": first}); a.Status != 200 {
			t.Errorf("raw slash: %d", a.Status)
		}
		bad := []string{"", "a..b", "a b", "a~", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a.lock", ".a", "a/.b", "a/", "/a", "a//b", "a.", "@", "HEAD", "-a", "a@{b", "refs/heads/x", "a\x00", "a\n", "a\x7f",
			strings.Repeat("a", 300), strings.Repeat("1", 40)}
		for _, name := range bad {
			if name == "a/" { // a slash at the end is taken off, as everywhere
				continue
			}
			if a := post(h, alice, base+"/branch/"+url.PathEscape(name), dict{}); a.Status != 400 && (name != "" || a.Status < 400) {
				t.Errorf("branch %q: %d", name, a.Status)
			}
			refused(t, "tag "+name, post(h, alice, base+"/tag/main", dict{"tag": name}), 400, "")
		}
		refused(t, "from nowhere", post(h, alice, base+"/branch/x", dict{"startingPoint": "nope"}), 404, "RevisionNotFound")
		h.JSON(alice, "POST", base+"/branch/empty", dict{"emptyBranch": true}, nil)
		if got := files(h, alice, "alice/m", "empty"); len(got) != 0 {
			t.Errorf("an empty branch holds %v", got)
		}
		second := h.Commit(alice, "model", "alice/m", "main", map[string]string{"f": "2"})
		h.JSON(alice, "POST", base+"/branch/dev", dict{"startingPoint": second, "overwrite": true}, nil)
		if got := read(h, alice, "alice/m", "dev", "f"); got != "2" {
			t.Errorf("overwritten branch: %q", got)
		}
		refused(t, "default branch", h.Do(alice, "DELETE", base+"/branch/main", nil), 403, "", "Cannot delete refs/heads/main")
		refused(t, "default branch", h.Do(alice, "DELETE", base+"/branch/refs%2Fheads%2Fmain", nil), 403, "")
		refused(t, "no branch", h.Do(alice, "DELETE", base+"/branch/nope", nil), 404, "RevisionNotFound", "Invalid rev id")
		h.JSON(alice, "DELETE", base+"/branch/feature%2Fa%2Fb", nil, nil)
		refused(t, "deleted", get(h, alice, base+"/revision/feature%2Fa%2Fb"), 404, "RevisionNotFound")

		h.JSON(alice, "POST", base+"/tag/main", dict{"tag": "v1"}, nil)
		h.JSON(alice, "POST", base+"/tag/"+first[:10], dict{"tag": "v/0", "message": "the first"}, nil)
		refused(t, "tag again", post(h, alice, base+"/tag/main", dict{"tag": "v1"}), 409, "")
		refused(t, "tag of nothing", post(h, alice, base+"/tag/nope", dict{"tag": "v2"}), 404, "RevisionNotFound")
		refused(t, "long message", post(h, alice, base+"/tag/main", dict{"tag": "v2", "message": strings.Repeat("m", 100_000)}), 400, "")
		if got := read(h, alice, "alice/m", "v/0", "f"); got != "1" {
			t.Errorf("annotated tag: %q", got)
		}
		r := refs()
		if len(r.Tags) != 2 || len(r.Branches) != 9 || r.Converts == nil || r.PullRequests != nil {
			t.Errorf("refs %+v", r)
		}
		for _, x := range append(r.Branches, r.Tags...) {
			if !strings.HasSuffix(x.Ref, "/"+x.Name) || len(x.TargetCommit) != 40 {
				t.Errorf("ref %+v", x)
			}
		}
		if got := ok[refList](t, "refs", get(h, alice, base+"/refs?include_prs=1")).PullRequests; got == nil {
			t.Error("pull requests asked for and absent")
		}
		h.JSON(alice, "DELETE", base+"/tag/v1", nil, nil)
		h.JSON(alice, "DELETE", base+"/tag/v%2F0", nil, nil)
		refused(t, "no tag", h.Do(alice, "DELETE", base+"/tag/v1", nil), 404, "RevisionNotFound")
		if r := refs(); len(r.Tags) != 0 {
			t.Errorf("tags %+v", r.Tags)
		}
	})
}

// Every way to write a revision means the same on every door.
func TestRevisionForms(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"d/f": "main"})
		oid := head(h, alice, "alice/m", "main")
		h.JSON(alice, "POST", "/api/models/alice/m/branch/team%2Fx", dict{}, nil)
		h.Commit(alice, "model", "alice/m", "team/x", map[string]string{"d/f": "team"})
		h.JSON(alice, "POST", "/api/models/alice/m/tag/main", dict{"tag": "t1"}, nil)
		for rev, want := range map[string]string{
			"main": "main", "HEAD": "main", "refs%2Fheads%2Fmain": "main", "refs/heads/main": "main", oid: "main", oid[:7]: "main", oid[:12]: "main",
			"t1": "main", "refs%2Ftags%2Ft1": "main", "refs/tags/t1": "main",
			"team%2Fx": "team", "team/x": "team", "refs/heads/team/x": "team", "refs%2Fheads%2Fteam%2Fx": "team",
		} {
			for _, door := range []string{"/alice/m/resolve/", "/alice/m/raw/"} {
				if a := get(h, alice, door+rev+"/d/f"); a.Status != 200 || string(a.Body) != want {
					t.Errorf("%s%s: %d %q", door, rev, a.Status, a.Body)
				}
			}
			if got := ok[[]entry](t, rev, get(h, alice, "/api/models/alice/m/tree/"+rev+"/d")); len(got) != 1 || got[0].Path != "d/f" {
				t.Errorf("tree %s: %v", rev, got)
			}
			if a := get(h, alice, "/api/models/alice/m/commits/"+rev); a.Status != 200 {
				t.Errorf("commits %s: %d", rev, a.Status)
			}
			if a := post(h, alice, "/api/models/alice/m/paths-info/"+rev, dict{"paths": []string{"d/f"}}); a.Status != 200 {
				t.Errorf("paths-info %s: %d", rev, a.Status)
			}
			sha := ok[struct{ Sha string }](t, rev, get(h, alice, "/api/models/alice/m/revision/"+rev)).Sha
			if (sha == oid) != (want == "main") {
				t.Errorf("revision %s: %s", rev, sha)
			}
		}
		for _, rev := range []string{"nope", "refs%2Fheads%2Fnope", strings.Repeat("0", 40), oid[:6], strings.ToUpper(oid), "main~1", "main^", "main@{0}", "-", "--all", "%2e%2e", "refs", "..%2Fmain", ":d", "main:d/f"} {
			a := get(h, alice, "/alice/m/resolve/"+rev+"/d/f")
			if a.Status != 404 || a.Header.Get("X-Error-Code") != "RevisionNotFound" || a.Header.Get("X-Repo-Commit") != "" {
				t.Errorf("%s: %d %q", rev, a.Status, a.Header.Get("X-Error-Code"))
			}
		}
	})
}

func TestCommitLog(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		var oids []string
		for i := range 7 {
			a := commit(h, alice, "alice/m", line("header", dict{"summary": fmt.Sprintf("c%d <b>", i)}), file("f", fmt.Sprint(i)))
			oids = append(oids, ok[struct{ CommitOid string }](t, "commit", a).CommitOid)
		}
		type item struct {
			ID, Title, Message, Date string
			Authors                  []struct{ User string }
			Formatted                *struct{ Title, Message string }
		}
		base := "/api/models/alice/m/commits/main"
		a := get(h, alice, base)
		if a.Header.Get("X-Total-Count") != "8" {
			t.Errorf("X-Total-Count %q", a.Header.Get("X-Total-Count"))
		}
		for _, limit := range []int{1, 3, 8, 100, 1_000_000_000} {
			all := pages(t, h, alice, fmt.Sprintf("%s?limit=%d", base, limit), func(i item) string { return i.ID })
			if len(all) != 8 || all[0].ID != oids[6] || all[6].ID != oids[0] || all[0].Authors[0].User != "alice" || !strings.HasSuffix(all[0].Date, "Z") {
				t.Errorf("limit %d: %+v", limit, all)
			}
		}
		if got := ok[[]item](t, "formatted", get(h, alice, base+"?expand[]=formatted"))[0].Formatted; got == nil || strings.Contains(got.Title, "<b>") {
			t.Errorf("formatted: %+v", got)
		}
		for _, q := range []string{"p=-1", "p=x", "p=99999999999", "limit=0", "limit=x"} {
			refused(t, q, get(h, alice, base+"?"+q), 400, "")
		}
		if got := ok[[]item](t, "past the end", get(h, alice, base+"?p=100")); len(got) != 0 {
			t.Errorf("past the end: %v", got)
		}

		compare := func(spec string) string {
			return ok[string](t, spec, get(h, alice, "/api/models/alice/m/compare/"+spec))
		}
		if got := compare(oids[0] + ".." + oids[1]); strings.Count(got, "\n") != 1 || !strings.Contains(got, " M\tf\n") {
			t.Errorf("compare: %q", got)
		}
		if got := compare("main..main"); got != "" {
			t.Errorf("compare with itself: %q", got)
		}
		h.JSON(alice, "POST", "/api/models/alice/m/branch/side%2F1", dict{"startingPoint": oids[2]}, nil)
		h.Commit(alice, "model", "alice/m", "side/1", map[string]string{"g": "1"})
		if got := compare("main...side%2F1"); !strings.Contains(got, " A\tg\n") || strings.Contains(got, "\tf") {
			t.Errorf("compare from where they parted: %q", got)
		}
		for _, spec := range []string{"main", "main..nope", "nope..main", "a..b..c"} {
			if a := get(h, alice, "/api/models/alice/m/compare/"+spec); a.Status != 400 && a.Status != 404 {
				t.Errorf("compare %s: %d %s", spec, a.Status, a.Body)
			}
		}

		squash := func(branch string, body any) testhub.Answer {
			return post(h, alice, "/api/models/alice/m/super-squash/"+branch, body)
		}
		before := files(h, alice, "alice/m", "main")
		ok[struct{ CommitID string }](t, "squash", squash("main", dict{"message": "all in one"}))
		after := ok[[]item](t, "squashed", get(h, alice, base))
		if len(after) != 1 || after[0].Title != "all in one" || fmt.Sprint(files(h, alice, "alice/m", "main")) != fmt.Sprint(before) {
			t.Errorf("squashed: %+v", after)
		}
		refused(t, "what was squashed away", get(h, alice, "/alice/m/resolve/"+oids[5]+"/f"), 404, "RevisionNotFound")
		if a := get(h, alice, "/alice/m/resolve/"+oids[1]+"/f"); a.Status != http.StatusOK {
			t.Errorf("what another branch still has: %d", a.Status)
		}
		refused(t, "no branch", squash("nope", dict{}), 404, "RevisionNotFound")
		refused(t, "an oid", squash(oids[1], dict{}), 404, "RevisionNotFound")
		refused(t, "long message", squash("main", dict{"message": strings.Repeat("m", 501)}), 400, "")
	})
}

// A page number that is too large for a row's number is refused: it once made the answer panic, or walk all of the history.
func TestPageNumbersDoNotOverflow(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"a.txt": "a"})
	for _, route := range []string{"commits/main", "commits/main/a.txt", "commit/main"} {
		for _, p := range []string{"4611686018427387904", "9223372036854775807", "1048577"} {
			if a := h.Do(alice, "GET", "/api/models/alice/m/"+route+"?limit=2&p="+p, nil); a.Status != 400 {
				t.Errorf("%s, page %s: %d %s", route, p, a.Status, a.Body)
			}
		}
	}
}
