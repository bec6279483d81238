package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// files lists a revision's files by path with their git ids.
func files(h *testhub.Hub, c testhub.Caller, id, rev string) map[string]string {
	h.T.Helper()
	list := ok[[]struct{ Type, Path, Oid string }](h.T.(*testing.T), "tree", get(h, c, "/api/models/"+id+"/tree/"+rev+"?recursive=true"))
	out := map[string]string{}
	for _, e := range list {
		if e.Type == "file" {
			out[e.Path] = e.Oid
		}
	}
	return out
}

func TestCommitOperations(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		const id = "alice/m"
		type answer struct {
			CommitOid, CommitURL, HookOutput string
			Success                          bool
		}
		first := head(h, alice, id, "main")
		a := ok[answer](t, "files", commit(h, alice, id, line("header", dict{"summary": "Add", "description": "Two\nlines"}),
			file("a.txt", "one"), file("d/b.txt", "two"), file("d/e/c.txt", "three"), file("bin", "\x00\x01\xff"), file("empty", ""),
			line("file", dict{"path": "utf8.txt", "content": "grüß", "encoding": "utf-8"})))
		if !a.Success || a.CommitURL != h.URL+"/alice/m/commit/"+a.CommitOid || a.CommitOid != head(h, alice, id, "main") {
			t.Errorf("answer %+v", a)
		}
		for path, want := range map[string]string{"a.txt": "one", "d/e/c.txt": "three", "bin": "\x00\x01\xff", "empty": "", "utf8.txt": "grüß"} {
			if got := read(h, alice, id, "main", path); got != want {
				t.Errorf("%s: %q", path, got)
			}
		}
		log := ok[[]struct{ Title, Message string }](t, "commits", get(h, alice, "/api/models/"+id+"/commits/main"))
		if log[0].Title != "Add" || log[0].Message != "Two\nlines" {
			t.Errorf("log %+v", log[0])
		}

		// Copies, moves and deletions, in one commit each and then together.
		step := func(what string, lines ...string) string {
			t.Helper()
			return ok[answer](t, what, commit(h, alice, id, append([]string{header(what)}, lines...)...)).CommitOid
		}
		step("copy", line("copyFile", dict{"path": "copy.txt", "srcPath": "a.txt"}), line("copyFile", dict{"path": "old/a.txt", "srcPath": ".gitattributes", "srcRevision": first}))
		if got := read(h, alice, id, "main", "copy.txt"); got != "one" {
			t.Errorf("copy: %q", got)
		}
		step("move", line("file", dict{"path": "moved.txt", "oldPath": "a.txt"}))
		step("move and change", line("file", dict{"path": "changed.txt", "oldPath": "copy.txt", "content": "MQ==", "encoding": "base64"}))
		step("delete file", line("deletedFile", dict{"path": "empty"}), line("deletedEntry", dict{"path": "bin"}))
		step("delete folder", line("deletedFolder", dict{"path": "d/"}))
		want := map[string]string{"moved.txt": "one", "changed.txt": "1", "utf8.txt": "grüß", "a.txt": "(Not Found)", "copy.txt": "(Not Found)", "empty": "(Not Found)", "d/b.txt": "(Not Found)", "d/e/c.txt": "(Not Found)"}
		for path, content := range want {
			if got := read(h, alice, id, "main", path); got != content {
				t.Errorf("%s: %q, want %q", path, got, content)
			}
		}
		step("file to folder", line("deletedFile", dict{"path": "moved.txt"}), file("moved.txt/inside", "x"))
		step("folder to file", line("deletedFolder", dict{"path": "moved.txt"}), file("moved.txt", "y"))
		step("deletedFile on a folder", file("f/g", "1"))
		step("deletedFile on a folder", line("deletedFile", dict{"path": "f"}))
		step("the last one wins", file("w", "1"), file("w", "2"))
		if got := read(h, alice, id, "main", "moved.txt") + read(h, alice, id, "main", "w"); got != "y2" {
			t.Errorf("at the end: %q", got)
		}
		if got := read(h, alice, id, a.CommitOid, "a.txt"); got != "one" {
			t.Errorf("history: %q", got)
		}

		// An empty commit succeeds.
		before := files(h, alice, id, "main")
		step("empty")
		if after := files(h, alice, id, "main"); fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("an empty commit changed files: %v, %v", before, after)
		}
	})
}

func TestCommitAsJSON(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"a": "1", "b": "2", "d/c": "3", "e": "4"})
		send := func(body any) testhub.Answer { return post(h, alice, "/api/models/alice/m/commit/main", body) }
		h.JSON(alice, "POST", "/api/models/alice/m/commit/main", dict{
			"summary": "s", "description": "d", "parentCommit": head(h, alice, "alice/m", "main"),
			"files":          []dict{{"path": "n", "content": "bmV3", "encoding": "base64"}, {"path": "p", "content": "plain"}, {"path": "q", "oldPath": "e"}},
			"deletedEntries": []dict{{"path": "a"}}, "deletedFiles": []dict{{"path": "b"}}, "deletedFolders": []dict{{"path": "d"}},
			"copyFiles": []dict{{"path": "cp", "srcPath": "e"}},
		}, nil)
		for path, want := range map[string]string{"n": "new", "p": "plain", "q": "4", "cp": "4", "a": "(Not Found)", "b": "(Not Found)", "d/c": "(Not Found)", "e": "(Not Found)"} {
			if got := read(h, alice, "alice/m", "main", path); got != want {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
		before := head(h, alice, "alice/m", "main")
		for what, body := range map[string]any{
			"no summary": dict{"files": []dict{{"path": "x", "content": ""}}}, "bad list": dict{"summary": "s", "files": dict{}},
			"bad content": dict{"summary": "s", "files": []dict{{"path": "x", "content": 5}}}, "not JSON": "{",
			"bad oid":  dict{"summary": "s", "lfsFiles": []dict{{"path": "x", "algo": "sha256", "oid": "zz"}}},
			"no bytes": dict{"summary": "s", "lfsFiles": []dict{{"path": "x", "algo": "sha256", "oid": strings.Repeat("ab", 32), "size": 5}}},
		} {
			a := h.Do(alice, "POST", "/api/models/alice/m/commit/main", body, "Content-Type", "application/json")
			refused(t, what, a, 400, "")
		}
		refused(t, "nested", h.Do(alice, "POST", "/api/models/alice/m/commit/main", `{"summary":"s","x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}", "Content-Type", "application/json"), 400, "")
		if a := send(dict{"summary": "s", "files": []dict{{"path": "../x", "content": ""}}}); a.Status != 422 {
			t.Errorf("bad path: %d", a.Status)
		}
		if got := head(h, alice, "alice/m", "main"); got != before {
			t.Error("a refused commit moved the branch")
		}
	})
}

func TestCommitRefusals(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"a": "1", "d/b": "2"})
		const id = "alice/m"
		before := head(h, alice, id, "main")
		sha := strings.Repeat("ab", 32)
		for _, c := range []struct {
			what, body string
			status     int
			code       string
			words      []string
		}{
			{"nothing", "", 400, "", []string{"header"}},
			{"no header", file("x", "1"), 400, "", []string{"header"}},
			{"no summary", line("header", dict{"description": "d"}) + file("x", "1"), 400, "", []string{"summary"}},
			{"long summary", line("header", dict{"summary": strings.Repeat("s", 5000)}), 413, "", nil},
			{"NUL in summary", line("header", dict{"summary": "a\x00b"}), 400, "", nil},
			{"bad parent", line("header", dict{"summary": "s", "parentCommit": "main"}), 400, "", nil},
			{"stale parent", line("header", dict{"summary": "s", "parentCommit": strings.Repeat("1", 40)}) + file("x", "1"), 412, "", []string{"The branch was updated since you opened this page. Please refresh and try again."}},
			{"missing file", header("s") + line("deletedFile", dict{"path": "nope"}), 404, "EntryNotFound", []string{"A file with this name doesn't exist"}},
			{"missing entry", header("s") + line("deletedEntry", dict{"path": "d/nope"}), 404, "EntryNotFound", nil},
			{"missing folder", header("s") + line("deletedFolder", dict{"path": "nope"}), 404, "EntryNotFound", nil},
			{"a file is no folder", header("s") + line("deletedFolder", dict{"path": "a"}), 404, "EntryNotFound", nil},
			{"copy of nothing", header("s") + line("copyFile", dict{"path": "x", "srcPath": "nope"}), 404, "EntryNotFound", nil},
			{"copy without source", header("s") + line("copyFile", dict{"path": "x"}), 400, "", nil},
			{"copy from nowhere", header("s") + line("copyFile", dict{"path": "x", "srcPath": "a", "srcRevision": "nope"}), 404, "RevisionNotFound", nil},
			{"move of nothing", header("s") + line("file", dict{"path": "x", "oldPath": "nope"}), 404, "EntryNotFound", nil},
			{"file without content", header("s") + line("file", dict{"path": "x"}), 400, "", nil},
			{"bad base64", header("s") + line("file", dict{"path": "x", "content": "!!", "encoding": "base64"}), 400, "", nil},
			{"bad encoding", header("s") + line("file", dict{"path": "x", "content": "a", "encoding": "rot13"}), 400, "", nil},
			{"unknown operation", header("s") + line("symlink", dict{"path": "x"}), 400, "", nil},
			{"not JSON", header("s") + "}{\n", 400, "", nil},
			{"an array", header("s") + "[]\n", 400, "", nil},
			{"half a line", header("s") + `{"key":"file","value":{"path":"x","content":"YQ`, 400, "", nil},
			{"large file that is not here", header("s") + line("lfsFile", dict{"path": "x", "algo": "sha256", "oid": sha, "size": 5}), 400, "", []string{"uploaded"}},
			{"large file by md5", header("s") + line("lfsFile", dict{"path": "x", "algo": "md5", "oid": sha}), 400, "", nil},
			{"large file of negative size", header("s") + line("lfsFile", dict{"path": "x", "algo": "sha256", "oid": sha, "size": -1}), 400, "", nil},
			{"oid in capitals", header("s") + line("lfsFile", dict{"path": "x", "algo": "sha256", "oid": strings.ToUpper(sha)}), 400, "", nil},
			{"invalid card", header("s") + file("README.md", "---\nlicense: [mit\n---\n"), 400, "", []string{"README.md"}},
			{"invalid card value", header("s") + file("README.md", "---\nlicense: not-a-licence\n---\n"), 400, "", nil},
			{"too large for git", header("s") + file("x", strings.Repeat("a", 10_000_001)), 413, "", []string{"large"}},
			{"good and bad", header("s") + file("good", "1") + line("deletedFile", dict{"path": "nope"}), 404, "EntryNotFound", nil},
			{"file below a file", header("s") + file("a/x", "1"), 400, "", nil},
			{"both", header("s") + file("z", "1") + file("z/x", "1"), 400, "", nil},
		} {
			refused(t, c.what, commit(h, alice, id, c.body), c.status, c.code, c.words...)
		}
		for _, rev := range []string{"nope", before, before[:8], "refs/heads/nope", "refs/pr/1", "a..b", "refs/../x"} {
			refused(t, "to "+rev, commitTo(h, alice, id, rev, header("s"), file("x", "1")), 404, "RevisionNotFound")
		}
		h.JSON(alice, "POST", "/api/models/alice/m/tag/main", dict{"tag": "v1"}, nil)
		if a := commitTo(h, alice, id, "v1", header("s"), file("x", "1")); a.Status < 400 || a.Status >= 500 {
			t.Errorf("commit to a tag: %d", a.Status)
		}
		a := h.Do(alice, "POST", "/api/models/"+id+"/commit/main?create_pr=1", header("s")+file("x", "1"), "Content-Type", "application/x-ndjson")
		refused(t, "pull request", a, 501, "NotImplemented")
		if got := head(h, alice, id, "main"); got != before {
			t.Errorf("a refused commit moved the branch from %s to %s", before, got)
		}
		if got := files(h, alice, id, "main"); len(got) != 3 {
			t.Errorf("files after refusals: %v", got)
		}
	})
}

// Compare-and-swap: of several who start from one commit, one wins.
func TestParentCommit(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		parent := head(h, alice, "alice/m", "main")
		statuses := make(chan int)
		const n = 8
		for i := range n {
			go func() {
				a := commit(h, alice, "alice/m", line("header", dict{"summary": "s", "parentCommit": parent}), file(fmt.Sprint("f", i), "x"))
				statuses <- a.Status
			}()
		}
		got := map[int]int{}
		for range n {
			got[<-statuses]++
		}
		if got[200] != 1 || got[412] != n-1 {
			t.Errorf("statuses %v", got)
		}
		// Without a parent all of them land.
		for i := range n {
			go func() {
				statuses <- commit(h, alice, "alice/m", header("s"), file(fmt.Sprint("g", i), "x")).Status
			}()
		}
		for range n {
			if s := <-statuses; s != 200 {
				t.Errorf("without a parent: %d", s)
			}
		}
		if got := files(h, alice, "alice/m", "main"); len(got) != 1+1+n {
			t.Errorf("files %v", got)
		}
	})
}

func TestInvalidCards(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		validate := func(c testhub.Caller, content string) testhub.Answer {
			return post(h, c, "/api/validate-yaml", dict{"content": content, "repoType": "model"})
		}
		for content, valid := range map[string]bool{
			"": true, "# no card\n": true, "---\nlicense: mit\ntags:\n- a\n---\n# x\n": true, "---\n---\n": true, "---\nlicense: [\n---\n": false,
			"---\n- a\n---\n": false, "---\na: &a [*a]\n---\n": false, "---\ntags: 5\n---\n": false, "---\n\tx: 1\n---\n": false,
			"---\nlicense: mit\n---\n" + strings.Repeat("long ", 10_000): true,
		} {
			want := http.StatusOK
			if !valid {
				want = http.StatusBadRequest
			}
			a := validate(nobody, content)
			v := must[struct{ Errors, Warnings []struct{ Message string } }](t, a.Body)
			if a.Status != want || (len(v.Errors) == 0) != valid || v.Errors == nil || v.Warnings == nil {
				t.Errorf("validate %.40q: %d %s", content, a.Status, a.Body)
			}
			if c := commit(h, alice, "alice/m", header("s"), file("README.md", content)); c.Status != want {
				t.Errorf("commit %.40q: %d, but validate-yaml says %d", content, c.Status, want)
			}
		}
		bomb := "---\na: &a [x,x,x,x,x,x,x,x,x]\n"
		for i := range 12 {
			bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", 'b'+i, 'b'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i, 'a'+i)
		}
		if a := validate(nobody, bomb+"---\n"); a.Status != 400 {
			t.Errorf("alias bomb: %d", a.Status)
		}
		for _, body := range []any{dict{}, dict{"content": 5}, dict{"content": "x", "repoType": "banana"}, "{", "[]"} {
			refused(t, fmt.Sprint(body), post(h, nobody, "/api/validate-yaml", body), 400, "")
		}
	})
}
