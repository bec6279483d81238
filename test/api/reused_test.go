package api

import (
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// fileCopy is a line of a commit that copies a path of another revision.
func fileCopy(path, src, rev string) string {
	return line("copyFile", dict{"path": path, "srcPath": src, "srcRevision": rev})
}

// A branch never comes to name a large file that was given up: a copy from an old commit, a revert, a cherry-pick and a
// merge that would take it up again are refused, and nothing changes. The old commit as it is may have a branch, and what
// a branch names already may move.
func TestGivenUpFileIsNotTakenUpAgain(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := &history{t, h, h.Member("alice", false), "alice/m"}
		h.CreateRepo(y.c, hub.Model, y.id, false)
		v := func(n int) string { return version(y.id, n) }
		var commits []string
		for n := range 5 {
			upload(h, y.c, y.id, v(n))
			commits = append(commits, y.commit("main", lfsFile("d/w.bin", v(n)), file("n", v(n))))
		}
		y.branch("side", commits[0])
		y.commit("side", file("s", "side"))
		h.JSON(y.c, "PUT", "/api/models/"+y.id+"/settings", dict{"lfs_keep_versions": 3}, nil)
		h.App.Release().Grace = 0
		if releaseAfter(h, 0); holds(h, y.c, y.id, v(1)) || holds(h, y.c, y.id, v(2)) {
			t.Fatal("nothing was given up")
		}
		main := y.head("main")
		y.branch("old", commits[1])
		gone := shaOf(v(2))
		refused(t, "copy", commit(h, y.c, y.id, header("s"), fileCopy("d/w.bin", "d/w.bin", commits[2])), 400, "", gone, "d/w.bin")
		refused(t, "copy beside", commit(h, y.c, y.id, header("s"), fileCopy("x.bin", "d/w.bin", commits[2])), 400, "", gone, "x.bin")
		refused(t, "folder", commit(h, y.c, y.id, header("s"), fileCopy("e", "d", commits[2])), 400, "", gone, "e/w.bin")
		ask := func(op, branch string, body dict) testhub.Answer {
			return post(h, y.c, "/api/models/"+y.id+"/"+op+"/"+branch, body)
		}
		refused(t, "cherry-pick", ask("cherry-pick", "old", dict{"commit": commits[2]}), 400, "", gone, "d/w.bin")
		refused(t, "merge forward", ask("merge", "old", dict{"from": commits[2]}), 400, "", gone)
		refused(t, "merge", ask("merge", "old", dict{"from": commits[2], "fastForward": "never"}), 400, "", gone)
		y.branch("old2", commits[0])
		y.commit("old2", file("o", "1"))
		refused(t, "merge apart", ask("merge", "old2", dict{"from": commits[2]}), 400, "", gone)
		y.commit("old2", lfsFile("z.bin", v(0)), line("deletedFile", dict{"path": "d/w.bin"}))
		refused(t, "merge by git", ask("merge", "old2", dict{"from": commits[2]}), 400, "", gone, "z.bin") // which follows the move
		ok[dict](t, "delete", removeLarge(h, y.c, y.id, false, shaOf(v(3))))
		refused(t, "revert", ask("revert", "main", dict{"commit": commits[4]}), 400, "", shaOf(v(3)), "d/w.bin")
		if y.head("main") != main || y.head("old") != commits[1] {
			t.Error("a refused change moved a branch")
		}

		// What is there may be taken up, and history be gone back to.
		y.commit("main", fileCopy("first.bin", "d/w.bin", commits[0]), fileCopy("w.bin", "d/w.bin", main))
		if y.read("main", "first.bin") != v(0) || y.read("main", "w.bin") != v(4) {
			t.Error("copies of what is there")
		}
		y.do("reset", "old", 200, dict{"to": commits[2]})
		y.commit("old", file("after", "1"))
		y.commit("old", line("copyFile", dict{"path": "moved.bin", "srcPath": "d/w.bin"}))
		upload(h, y.c, y.id, v(2))
		y.commit("main", fileCopy("d/w.bin", "d/w.bin", commits[2]))
		if y.read("main", "d/w.bin") != v(2) {
			t.Error("what was sent again")
		}
	})
}
