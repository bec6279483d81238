package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// moved is the answer of merge, revert, cherry-pick and reset.
type moved struct {
	Status, CommitOid, CommitURL, TreeOid string
	Error                                 string
	Truncated                             bool
	Conflicts                             []conflict
}

type conflict struct {
	Path, Kind, Message string
	Base, Ours, Theirs  *struct {
		Mode, OID string
		LFS       *struct {
			OID  string
			Size int64
		}
	}
}

// history is a repository whose history a test changes.
type history struct {
	t  *testing.T
	h  *testhub.Hub
	c  testhub.Caller
	id string
}

func newHistory(t *testing.T, h *testhub.Hub, files map[string]string) *history {
	return &history{t, h, model(h, "alice", "m", files), "alice/m"}
}

// do changes a branch. The answer must have the status.
func (y *history) do(op, branch string, status int, body dict) moved {
	y.t.Helper()
	a := post(y.h, y.c, "/api/models/"+y.id+"/"+op+"/"+escape(branch), body)
	if a.Status != status {
		y.t.Fatalf("%s %s %v: %d %s", op, branch, body, a.Status, a.Body)
	}
	return must[moved](y.t, a.Body)
}

func (y *history) branch(name, from string) {
	y.t.Helper()
	y.h.JSON(y.c, "POST", "/api/models/"+y.id+"/branch/"+escape(name), dict{"startingPoint": from}, nil)
}

func (y *history) commit(branch string, lines ...string) string {
	y.t.Helper()
	return ok[struct{ CommitOid string }](y.t, "commit", commitTo(y.h, y.c, y.id, branch, append([]string{header("change " + branch)}, lines...)...)).CommitOid
}

func (y *history) head(rev string) string { return head(y.h, y.c, y.id, rev) }

func (y *history) read(rev, path string) string { return read(y.h, y.c, y.id, rev, path) }

type logItem struct{ ID, Title, Message string }

func (y *history) log(rev string) []logItem {
	y.t.Helper()
	return ok[[]logItem](y.t, "log", get(y.h, y.c, "/api/models/"+y.id+"/commits/"+escape(rev)))
}

const numbers = "1\n2\n3\n4\n5\n6\n7\n8\n9\n"

func edit(old, new string) string { return strings.Replace(numbers, old+"\n", new+"\n", 1) }

func TestMerge(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers, "dir/g": numbers})
		y.branch("side/1", "main")
		side := y.commit("side/1", file("f", edit("1", "one")), line("deletedFile", dict{"path": "dir/g"}), file("moved/g", numbers))

		m := y.do("merge", "main", 200, dict{"from": "side/1", "dryRun": true})
		if m.Status != "fast-forwarded" || m.CommitOid != side || y.head("main") == side {
			t.Errorf("dry run: %+v", m)
		}
		if m := y.do("merge", "main", 200, dict{"from": "side/1"}); m.Status != "fast-forwarded" || m.CommitOid != side || y.head("main") != side {
			t.Errorf("fast-forward: %+v", m)
		}
		if m := y.do("merge", "main", 200, dict{"from": "side/1", "fastForward": "never"}); m.Status != "unchanged" || m.CommitOid != side {
			t.Errorf("once more: %+v", m)
		}

		y.branch("side/2", side)
		y.commit("side/2", file("f", strings.Replace(edit("1", "one"), "9", "nine", 1)), file("new", "n"))
		if m := y.do("merge", "main", 200, dict{"from": "side/2", "fastForward": "never", "dryRun": true}); m.Status != "created" || m.CommitOid != "" || m.TreeOid == "" {
			t.Errorf("dry run of a commit: %+v", m)
		}
		ours := y.commit("main", file("moved/g", edit("3", "three")))
		y.do("merge", "main", 409, dict{"from": "side/2", "fastForward": "only"})
		y.do("merge", "main", 412, dict{"from": "side/2", "parentCommit": side})
		m = y.do("merge", "main", 200, dict{"from": "side/2", "parentCommit": ours})
		if m.Status != "created" || y.head("main") != m.CommitOid || !strings.HasSuffix(m.CommitURL, "/alice/m/commit/"+m.CommitOid) {
			t.Errorf("merge: %+v", m)
		}
		if y.read("main", "f") != strings.Replace(edit("1", "one"), "9", "nine", 1) || y.read("main", "moved/g") != edit("3", "three") || y.read("main", "new") != "n" {
			t.Error("the merge lacks a side's change")
		}
		if l := y.log("main"); l[0].Title != "Merge branch 'side/2'" || len(l) != 6 {
			t.Errorf("log: %+v", l)
		}

		y.branch("side/3", ours)
		y.commit("side/3", file("x", "1"))
		y.commit("side/3", file("x", "2"))
		m = y.do("merge", "main", 200, dict{"from": "side/3", "squash": true})
		if l := y.log("main"); len(l) != 7 || !strings.HasPrefix(l[0].Title, "Squashed commit of the following:") || strings.Count(l[0].Message, "change side/3") != 2 || y.read("main", "x") != "2" {
			t.Errorf("squash: %+v", l[0])
		}
		if m := y.do("merge", "main", 200, dict{"from": "side/3", "squash": true}); m.Status != "unchanged" {
			t.Errorf("squash again: %+v", m)
		}
		m = y.do("merge", "side/3", 200, dict{"from": "main", "message": "my words\n\nand more"})
		if l := y.log("side/3"); l[0].Title != "my words" || l[0].Message != "and more" {
			t.Errorf("message: %+v", l[0])
		}
		for _, body := range []dict{{}, {"from": "main", "fastForward": "perhaps"}, {"from": "main", "squash": true, "fastForward": "only"},
			{"from": "main", "message": " "}, {"from": "main", "message": "a\x00"}, {"from": "main", "parentCommit": "main"}} {
			y.do("merge", "side/3", 400, body)
		}
		y.do("merge", "side/3", 404, dict{"from": "nope"})
		y.do("merge", "nope", 404, dict{"from": "main"})
		y.do("merge", m.CommitOid, 404, dict{"from": "main"})
	})
}

// Two sides that do not agree are told of path by path, and nothing changes.
func TestMergeConflicts(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers, "gone": numbers, "old": strings.Repeat(numbers, 3), "dir/in": numbers, "place": "p"})
		large := func(text string) string {
			return line("lfsFile", dict{"path": "large", "algo": "sha256", "oid": h.Upload(y.c, hub.Model, y.id, text), "size": len(text)})
		}
		y.commit("main", large("base"))
		y.branch("side", "main")
		y.commit("side", file("f", edit("5", "FIVE")), line("deletedFile", dict{"path": "gone"}), file("both", "theirs"), large("theirs"),
			line("file", dict{"path": "new1", "oldPath": "old"}), line("deletedFile", dict{"path": "place"}), file("place/in", "x"))
		y.commit("main", file("f", edit("5", "five")), file("gone", edit("1", "one")), file("both", "ours"), large("ours it is"),
			line("file", dict{"path": "new2", "oldPath": "old"}), file("place", "q"))
		before := y.head("main")
		for _, dry := range []bool{true, false} {
			m := y.do("merge", "main", 409, dict{"from": "side", "dryRun": dry})
			kinds := map[string]string{}
			for _, c := range m.Conflicts {
				kinds[c.Path] = c.Kind
				if c.Message == "" {
					t.Errorf("%s without a message", c.Path)
				}
			}
			want := map[string]string{"f": "content", "gone": "modify/delete", "both": "add/add", "large": "content",
				"old": "rename/rename", "new1": "rename/rename", "new2": "rename/rename", "place": kinds["place"]}
			if fmt.Sprint(kinds) != fmt.Sprint(want) || kinds["place"] == "" {
				t.Errorf("kinds %v, want %v", kinds, want)
			}
			for _, c := range m.Conflicts {
				switch c.Path {
				case "f":
					if c.Base == nil || c.Ours == nil || c.Theirs == nil || c.Ours.Mode != "100644" || c.Ours.OID == c.Theirs.OID || !strings.Contains(c.Message, "CONFLICT (content): Merge conflict in f") {
						t.Errorf("f: %+v", c)
					}
				case "gone":
					if c.Base == nil || c.Ours == nil || c.Theirs != nil || !strings.Contains(c.Message, "deleted in side and modified in main") {
						t.Errorf("gone: %+v", c)
					}
				case "both":
					if c.Base != nil || c.Ours == nil || c.Theirs == nil {
						t.Errorf("both: %+v", c)
					}
				case "large":
					if c.Base.LFS.Size != 4 || c.Ours.LFS.Size != 10 || c.Theirs.LFS.Size != 6 {
						t.Errorf("large: %+v", c)
					}
				}
			}
			if !strings.Contains(m.Error, "conflict") {
				t.Errorf("error: %q", m.Error)
			}
		}
		if y.head("main") != before || y.read("main", "f") != edit("5", "five") {
			t.Error("a merge with conflicts changed the branch")
		}
		events := 0
		if err := h.App.DB().Get(t.Context(), &events, `SELECT count(*) FROM event WHERE kind = 'repo.merge'`); err != nil || events != 0 {
			t.Errorf("%d events of merges that were none: %v", events, err)
		}
		y.do("merge", "main", 409, dict{"from": "side", "squash": true})
		y.do("cherry-pick", "main", 409, dict{"commit": "side"})
	})
}

func TestMergeOfUnrelatedHistories(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers})
		h.JSON(y.c, "POST", "/api/models/alice/m/branch/other", dict{"emptyBranch": true}, nil)
		y.commit("other", file("g", "g"))
		if m := y.do("merge", "main", 422, dict{"from": "other"}); !strings.Contains(m.Error, "allowUnrelated") {
			t.Errorf("%+v", m)
		}
		y.do("merge", "main", 200, dict{"from": "other", "allowUnrelated": true})
		if y.read("main", "g") != "g" || y.read("main", "f") != numbers {
			t.Error("a side is missing")
		}
	})
}

func TestRevertAndCherryPick(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers})
		one := y.commit("main", file("f", edit("1", "one")))
		nine := y.commit("main", file("f", strings.Replace(edit("1", "one"), "9", "nine", 1)), file("new", "n"))

		if m := y.do("revert", "main", 200, dict{"commit": one, "dryRun": true}); m.Status != "created" || m.CommitOid != "" || y.head("main") != nine {
			t.Errorf("dry run: %+v", m)
		}
		m := y.do("revert", "main", 200, dict{"commit": one})
		if y.read("main", "f") != strings.Replace(numbers, "9", "nine", 1) || y.read("main", "new") != "n" {
			t.Errorf("revert: %q", y.read("main", "f"))
		}
		if l := y.log("main"); l[0].Title != `Revert "change main"` || l[0].Message != "This reverts commit "+one+"." || l[0].ID != m.CommitOid {
			t.Errorf("revert's message: %+v", l[0])
		}
		if m := y.do("revert", "main", 200, dict{"commit": one}); m.Status != "unchanged" {
			t.Errorf("revert again: %+v", m)
		}
		y.do("revert", "main", 200, dict{"commit": "main"}) // of the revert
		if y.read("main", "f") != strings.Replace(edit("1", "one"), "9", "nine", 1) {
			t.Errorf("revert of the revert: %q", y.read("main", "f"))
		}

		y.branch("rel", one)
		bob := h.User("bob")
		h.Org("acme", y.c, map[string]hub.Role{"bob": hub.RoleWrite})
		m = y.do("cherry-pick", "rel", 200, dict{"commit": nine, "parentCommit": one})
		if y.read("rel", "new") != "n" || y.read("rel", "f") != strings.Replace(edit("1", "one"), "9", "nine", 1) || y.log("rel")[0].Title != "change main" {
			t.Errorf("cherry-pick: %+v", y.log("rel")[0])
		}
		if m := y.do("cherry-pick", "rel", 200, dict{"commit": nine}); m.Status != "unchanged" {
			t.Errorf("cherry-pick again: %+v", m)
		}
		y.do("cherry-pick", "rel", 412, dict{"commit": nine, "parentCommit": one})
		refused(t, "a stranger", post(h, bob, "/api/models/alice/m/revert/main", dict{"commit": one}), 403, "")

		y.branch("topic", "rel")
		y.commit("topic", file("t", "t"))
		y.commit("rel", file("r", "r"))
		merge := y.do("merge", "rel", 200, dict{"from": "topic"})
		for _, op := range []string{"revert", "cherry-pick"} {
			if m := y.do(op, "rel", 400, dict{"commit": merge.CommitOid}); !strings.Contains(m.Error, "mainline") {
				t.Errorf("%s of a merge: %+v", op, m)
			}
			y.do(op, "rel", 400, dict{"commit": merge.CommitOid, "mainline": 3})
			y.do(op, "rel", 400, dict{"commit": nine, "mainline": 2})
			y.do(op, "rel", 400, dict{})
			y.do(op, "rel", 404, dict{"commit": strings.Repeat("ab", 20)})
		}
		y.do("revert", "rel", 200, dict{"commit": merge.CommitOid, "mainline": 1})
		if y.read("rel", "t") != "(Not Found)" || y.read("rel", "r") != "r" || !strings.Contains(y.log("rel")[0].Message, "reversing\nchanges made to ") {
			t.Errorf("revert of a merge: %+v", y.log("rel")[0])
		}
		y.do("cherry-pick", "main", 200, dict{"commit": merge.CommitOid, "mainline": 1})
		if y.read("main", "t") != "t" || y.read("main", "r") != "(Not Found)" {
			t.Error("cherry-pick of a merge")
		}
	})
}

// The very first commit has no parent: its revert removes what it brought.
func TestRevertOfTheFirstCommit(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, nil)
		first := y.head("main")
		y.commit("main", file("f", "f"))
		y.do("revert", "main", 200, dict{"commit": first})
		if got := files(h, y.c, y.id, "main"); len(got) != 1 || got["f"] == "" {
			t.Errorf("left: %v", got)
		}
		y.do("cherry-pick", "main", 200, dict{"commit": first})
		y.do("reset", "main", 200, dict{"to": first})
		m := y.do("revert", "main", 200, dict{"commit": first})
		if got := files(h, y.c, y.id, "main"); len(got) != 0 || m.TreeOid != "4b825dc642cb6eb9a060e54bf8d69288fbee4904" {
			t.Errorf("left: %v, %+v", got, m)
		}
	})
}

func TestReset(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": "1"})
		first := y.head("main")
		second := y.commit("main", file("f", "2"), file("README.md", "---\nlicense: mit\n---\n"))
		info := func() string {
			return fmt.Sprint(ok[dict](t, "info", get(h, y.c, "/api/models/alice/m"))["cardData"])
		}
		if !strings.Contains(info(), "mit") {
			t.Fatalf("card: %s", info())
		}
		y.do("reset", "main", 412, dict{"to": first, "parentCommit": first})
		if m := y.do("reset", "main", 200, dict{"to": first, "dryRun": true}); m.Status != "reset" || y.head("main") != second {
			t.Errorf("dry run: %+v", m)
		}
		if m := y.do("reset", "main", 200, dict{"to": first, "parentCommit": second}); m.Status != "reset" || m.CommitOid != first || y.head("main") != first || y.read("main", "f") != "1" {
			t.Errorf("reset: %+v", m)
		}
		if strings.Contains(info(), "mit") {
			t.Errorf("the card is still that of before: %s", info())
		}
		if m := y.do("reset", "main", 200, dict{"to": first[:10]}); m.Status != "unchanged" {
			t.Errorf("again: %+v", m)
		}
		refused(t, "what was reset away", get(h, y.c, "/alice/m/resolve/"+second+"/f"), 404, "RevisionNotFound")
		y.do("reset", "main", 400, dict{})
		y.do("reset", "nope", 404, dict{"to": first})
		h.JSON(y.c, "POST", "/api/models/alice/m/tag/main", dict{"tag": "v1", "message": "annotated"}, nil)
		y.commit("main", file("f", "3"))
		if m := y.do("reset", "main", 200, dict{"to": "v1"}); m.CommitOid != first {
			t.Errorf("to a tag: %+v", m)
		}
		if a := post(h, y.c, "/api/models/alice/m/reset/refs%2Ftags%2Fv1", dict{"to": first}); a.Status != http.StatusBadRequest {
			t.Errorf("of a tag: %d %s", a.Status, a.Body)
		}
	})
}

// The default branch gets no card that a commit could not have brought, whatever way it comes.
func TestHistoryKeepsTheCardValid(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"README.md": "---\nlicense: mit\n---\nA\n\nB\n\nC\n\nD\n"})
		first := y.head("main")
		y.branch("a", "main")
		y.commit("a", file("README.md", "---\nlicense: mit\ntags: [x]\n---\nA\n\nB\n\nC\n\nD\n"))
		y.commit("main", file("README.md", "---\nlicense: mit\n---\nA\n\nB\n\nC\n\nD\ntags: [y]\n"))
		// Each side is valid, and so is the merge.
		y.do("merge", "main", 200, dict{"from": "a"})
		// Here the same key comes from both sides, in lines that do not touch.
		y.do("reset", "main", 200, dict{"to": first})
		y.commit("main", file("README.md", "---\nlibrary_name: x\nlicense: mit\n---\nA\n\nB\n\nC\n\nD\n"))
		y.branch("b", first)
		y.commit("b", file("README.md", "---\nlicense: mit\nlibrary_name: x\n---\nA\n\nB\n\nC\n\nD\n"))
		y.branch("dev", "main")
		before := y.head("main")
		a := post(h, y.c, "/api/models/alice/m/merge/main", dict{"from": "b"})
		if a.Status != 400 && a.Status != 409 || y.head("main") != before {
			t.Errorf("a card with one key twice: %d %s", a.Status, a.Body)
		}
	})
}
