package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

type commitAnswer struct {
	ID, Title, Message, Date, Tree, RawMessage string
	Parents                                    []string
	Author, Committer                          struct{ Name, Email, Date string }
	Stats                                      struct {
		Files, Additions, Deletions int
		Truncated                   bool
	}
	Files []struct {
		Path, Status string
		Similarity   int
		Old, New     *struct {
			Path, Mode, OID string
			Size            int64
			LFS             *struct {
				OID  string
				Size int64
			}
		}
		Binary               bool
		Additions, Deletions *int
		Patch                *string
		PatchTruncated       bool
	}
}

func TestCommitShown(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"a.txt": "one\ntwo\n", "b.txt": strings.Repeat("same\n", 20) + "x\n", "gone": "bye\n"})
		first := head(h, alice, "alice/m", "main")
		large := strings.Repeat("large ", 10)
		sha := putLarge(t, h, alice, "alice/m", large)
		oid := ok[struct{ CommitOid string }](t, "commit", commit(h, alice, "alice/m", line("header", dict{"summary": "Change <b>", "description": "In two\n\nparagraphs."}),
			file("a.txt", "one\n2\n"), file("c/b.txt", strings.Repeat("same\n", 20)+"y\n"), line("deletedFile", dict{"path": "b.txt"}), line("deletedFile", dict{"path": "gone"}),
			file("bin", "\x00\xff"), line("lfsFile", dict{"path": "big.bin", "algo": "sha256", "oid": sha, "size": len(large)}))).CommitOid
		url := "/api/models/alice/m/commit/"
		for _, rev := range []string{oid, "main", oid[:10], "refs%2Fheads%2Fmain"} {
			c := ok[commitAnswer](t, rev, get(h, alice, url+rev))
			if c.ID != oid || c.Title != "Change <b>" || c.Message != "In two\n\nparagraphs." || len(c.Parents) != 1 || c.Parents[0] != first || c.Author.Name != "alice" || !strings.HasSuffix(c.Committer.Date, "Z") || !strings.Contains(c.RawMessage, "paragraphs.") {
				t.Errorf("%s: %+v", rev, c)
			}
		}
		c := ok[commitAnswer](t, "shown", get(h, alice, url+oid))
		if c.Stats.Files != 5 || c.Stats.Additions != 5 || c.Stats.Deletions != 3 || c.Stats.Truncated {
			t.Errorf("stats %+v", c.Stats)
		}
		var said []string
		for _, f := range c.Files {
			said = append(said, f.Status+" "+f.Path)
			switch f.Path {
			case "a.txt":
				if f.Patch == nil || !strings.Contains(*f.Patch, "\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n") || *f.Additions != 1 || *f.Deletions != 1 {
					t.Errorf("a.txt: %+v", f)
				}
			case "c/b.txt":
				if f.Old == nil || f.Old.Path != "b.txt" || f.Similarity < 90 || f.Similarity > 99 {
					t.Errorf("renamed: %+v", f)
				}
			case "bin":
				if !f.Binary || f.Old != nil || f.New == nil || f.New.Size != 2 || f.New.Mode != "100644" || !strings.Contains(*f.Patch, "Binary files /dev/null and b/bin differ") {
					t.Errorf("binary: %+v", f)
				}
			case "big.bin":
				if f.New == nil || f.New.LFS == nil || f.New.LFS.OID != sha || f.New.LFS.Size != int64(len(large)) || !strings.Contains(*f.Patch, "+oid sha256:"+sha) {
					t.Errorf("large: %+v", f)
				}
			case "gone":
				if f.New != nil || f.Old == nil {
					t.Errorf("gone: %+v", f)
				}
			}
		}
		if got := strings.Join(said, ","); got != "M a.txt,A big.bin,A bin,R c/b.txt,D gone" {
			t.Errorf("files %s", got)
		}
		first2 := ok[commitAnswer](t, "page", get(h, alice, url+oid+"?limit=2&patch=false"))
		if len(first2.Files) != 2 || first2.Files[0].Patch != nil || first2.Stats != c.Stats {
			t.Errorf("page %+v", first2)
		}
		seen := 0
		for next := url + oid + "?limit=2"; next != ""; {
			a := get(h, alice, next)
			seen += len(ok[commitAnswer](t, next, a).Files)
			next, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"+h.URL), ">")
		}
		if seen != 5 {
			t.Errorf("%d files on all pages", seen)
		}
		root := ok[commitAnswer](t, "the first commit", get(h, alice, url+first+"?expand=formatted"))
		if len(root.Files) == 0 {
			t.Errorf("the commit of files: %+v", root)
		}
		refused(t, "no commit", get(h, alice, url+"nope"), 404, "RevisionNotFound")
		refused(t, "another's", get(h, alice, url+strings.Repeat("1", 40)), 404, "RevisionNotFound")
		for _, q := range []string{"p=-1", "limit=0", "p=x"} {
			refused(t, q, get(h, alice, url+oid+"?"+q), 400, "")
		}
	})
}

// TestCommitShownWithinBounds: a commit of much text is shown in part, and says so.
func TestCommitShownWithinBounds(t *testing.T) {
	h := testhub.New(t)
	alice := model(h, "alice", "m", map[string]string{"f": "x"})
	var long strings.Builder
	for i := range 60_000 {
		fmt.Fprintln(&long, "line", i)
	}
	lines := []string{header("much"), file("long", long.String()), file("too-long", strings.Repeat("0123456789\n", 450_000))}
	for i := range 350 {
		lines = append(lines, file(fmt.Sprintf("many/%04d", i), "x\n"))
	}
	oid := ok[struct{ CommitOid string }](t, "commit", commit(h, alice, "alice/m", lines...)).CommitOid
	a := get(h, alice, "/api/models/alice/m/commit/"+oid+"?limit=1000")
	c := ok[commitAnswer](t, "shown", a)
	if len(c.Files) != 300 || c.Stats.Files != 352 || !c.Stats.Truncated || c.Stats.Additions != 60_350 || a.Header.Get("Link") == "" {
		t.Errorf("%d files, %+v", len(c.Files), c.Stats)
	}
	f := c.Files[0]
	if f.Path != "long" || !f.PatchTruncated || len(*f.Patch) > 128<<10 || !strings.HasSuffix(*f.Patch, "\n") || *f.Additions != 60_000 {
		t.Errorf("long: %s %v %d", f.Path, f.PatchTruncated, len(*f.Patch))
	}
	rest := ok[commitAnswer](t, "the rest", get(h, alice, "/api/models/alice/m/commit/"+oid+"?limit=300&p=1"))
	if last := rest.Files[len(rest.Files)-1]; len(rest.Files) != 52 || last.Path != "too-long" || last.Patch != nil || !last.PatchTruncated || last.Additions != nil {
		t.Errorf("%d files, %+v", len(rest.Files), last)
	}
}

func TestPathHistory(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"d/f": "1", "d/g": "1"})
		var want []string
		for i := range 6 {
			oid := h.Commit(alice, "model", "alice/m", "main", map[string]string{[]string{"d/f", "d/g", "e"}[i%3]: fmt.Sprint("v", i)})
			if i%3 == 0 {
				want = append([]string{oid}, want...)
			}
		}
		gone := ok[struct{ CommitOid string }](t, "delete", commit(h, alice, "alice/m", header("gone"), line("deletedFile", dict{"path": "d/f"}))).CommitOid
		want = append([]string{gone}, want...)
		type item struct{ ID string }
		base := "/api/models/alice/m/commits/"
		for _, url := range []string{"main/d/f", "main/d%2Ff", "main?path=d/f", "refs/heads/main/d/f", "refs%2Fheads%2Fmain/d/f", "main/d/f?path=e", "HEAD/d/f/", "main?path=/d/f/"} {
			a := get(h, alice, base+url)
			got := ok[[]item](t, url, a)
			if len(got) != 4 || got[0].ID != want[0] || got[2].ID != want[2] || a.Header.Get("X-Total-Count") != "4" {
				t.Errorf("%s: %v of %s, want %v and the first", url, got, a.Header.Get("X-Total-Count"), want)
			}
		}
		if all := pages(t, h, alice, base+"main/d/f?limit=1", func(i item) string { return i.ID }); len(all) != 4 || all[1].ID != want[1] {
			t.Errorf("pages %v", all)
		}
		for path, n := range map[string]int{"d": 6, "e": 2, "none": 0, "d/f/x": 0, ".git": -1, "a//b": -1, "../x": -1} {
			a := get(h, alice, base+"main?path="+path)
			if n < 0 {
				refused(t, path, a, 404, "EntryNotFound")
			} else if got := ok[[]item](t, path, a); len(got) != n {
				t.Errorf("%s: %v", path, got)
			}
		}
		refused(t, "no revision", get(h, alice, base+"nope/d/f"), 404, "RevisionNotFound")
	})
}

func TestBlame(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"old name": "a\nb\nc\nd\ne\nf\n", "empty": ""})
		first := head(h, alice, "alice/m", "main")
		second := ok[struct{ CommitOid string }](t, "rename", commit(h, alice, "alice/m", header("Rename"), line("deletedFile", dict{"path": "old name"}), file("new/name", "a\nb\nC\nd\ne\nf\n"))).CommitOid
		type answer struct {
			Path, Commit string
			Lines        int
			Complete     bool
			Hunks        []struct {
				StartLine, EndLine, OriginalLine int
				OriginalPath                     string
				Commit                           struct{ ID, Title, Date, Author string }
			}
		}
		b := ok[answer](t, "blame", get(h, alice, "/api/models/alice/m/blame/main/new/name"))
		if b.Lines != 6 || !b.Complete || b.Commit != second || b.Path != "new/name" || len(b.Hunks) != 3 {
			t.Fatalf("%+v", b)
		}
		for i, want := range []struct {
			from, to  int
			oid, name string
		}{{1, 2, first, "old name"}, {3, 3, second, ""}, {4, 6, first, "old name"}} {
			got := b.Hunks[i]
			if got.StartLine != want.from || got.EndLine != want.to || got.Commit.ID != want.oid || got.OriginalPath != want.name || got.OriginalLine != want.from || got.Commit.Author != "alice" {
				t.Errorf("hunk %d: %+v", i, got)
			}
		}
		if b := ok[answer](t, "empty", get(h, alice, "/api/models/alice/m/blame/main/empty")); b.Lines != 0 || b.Hunks == nil || len(b.Hunks) != 0 {
			t.Errorf("empty: %+v", b)
		}
		for _, path := range []string{"none", "new", "new/name/x", ".git/config"} {
			refused(t, path, get(h, alice, "/api/models/alice/m/blame/main/"+path), 404, "EntryNotFound")
		}
		refused(t, "no revision", get(h, alice, "/api/models/alice/m/blame/nope/new/name"), 404, "RevisionNotFound")
		h.Commit(alice, "model", "alice/m", "main", map[string]string{"long": strings.Repeat("\n", 100_001)})
		refused(t, "too long", get(h, alice, "/api/models/alice/m/blame/main/long"), 413, "")
	})
}

// A patch is text, or a JSON string with the same in it for a client that knows the Hub's contract.
func TestComparePatchForms(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		commit(h, alice, "alice/m", header("before"), file("f", "é\"\\\t\x01\u2028\n"), file("latin", "caf\xe9\n"))
		url := "/api/models/alice/m/compare/" + head(h, alice, "alice/m", "main") + "..main?raw=true"
		commit(h, alice, "alice/m", header("after"), file("f", "x"), file("latin", "th\xe9\n"))
		plain := get(h, alice, url)
		if plain.Status != http.StatusOK || !strings.Contains(string(plain.Body), "\n-caf\xe9\n+th\xe9\n") || !strings.Contains(string(plain.Body), "\\ No newline at end of file\n") {
			t.Errorf("%d %s", plain.Status, plain.Body)
		}
		for _, accept := range []string{"*/*", "text/plain", "application/json, text/plain, */*"} {
			if a := get(h, alice, url, "Accept", accept); string(a.Body) != string(plain.Body) || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s: %s %s", accept, a.Header.Get("Content-Type"), a.Body)
			}
		}
		var text string
		a := get(h, alice, url, "Accept", "application/json")
		if err := json.Unmarshal(a.Body, &text); err != nil || text != strings.ToValidUTF8(string(plain.Body), "\ufffd") {
			t.Errorf("%v: %q", err, a.Body)
		}
		if got := ok[string](t, "nothing", get(h, alice, "/api/models/alice/m/compare/main..main?raw=true", "Accept", "application/json")); got != "" {
			t.Errorf("%q", got)
		}
	})
}

// TestComparePatchWithinBounds: what is too much is refused before the first byte.
func TestComparePatchWithinBounds(t *testing.T) {
	h := testhub.New(t)
	alice := model(h, "alice", "m", map[string]string{"f": "x"})
	first := head(h, alice, "alice/m", "main")
	big := []string{header("much")}
	for i := range 8 {
		big = append(big, file(fmt.Sprint("big", i), strings.Repeat("a line\n", 1_250_000)))
	}
	if a := commit(h, alice, "alice/m", big...); a.Status != http.StatusOK {
		t.Fatal(a.Status)
	}
	refused(t, "too much", get(h, alice, "/api/models/alice/m/compare/"+first+"..main?raw=true"), 413, "", "git diff")
	if got := ok[string](t, "the list", get(h, alice, "/api/models/alice/m/compare/"+first+"..main")); strings.Count(got, "\n") != 8 {
		t.Errorf("%q", got)
	}
}

// TestGatedHistoryHidesContent: who has not passed a repository's gate sees its commits and names of files, not what
// changed in them.
func TestGatedHistoryHidesContent(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"named": "the secret\n"})
		h.JSON(alice, http.MethodPut, "/api/models/alice/m/settings", dict{"gated": "manual"}, nil)
		bob := h.User("bob")
		ok[[]dict](t, "titles", get(h, bob, "/api/models/alice/m/commits/main/named"))
		for _, path := range []string{"/api/models/alice/m/commit/main", "/api/models/alice/m/blame/main/named", "/api/models/alice/m/compare/main..main?raw=true"} {
			refused(t, path, get(h, bob, path), 403, "GatedRepo")
		}
		page, mine := get(h, bob, "/alice/m/commit/main"), get(h, alice, "/alice/m/commit/main")
		if page.Status != http.StatusOK || strings.Contains(string(page.Body), "secret") || !strings.Contains(string(page.Body), "named") {
			t.Errorf("%d %s", page.Status, page.Body)
		}
		if !strings.Contains(string(get(h, alice, "/alice/m/commit/main", "Authorization", "Bearer "+alice.Token).Body), "named") || mine.Status != http.StatusOK {
			t.Errorf("%d", mine.Status)
		}
	})
}
