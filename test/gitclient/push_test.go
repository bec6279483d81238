package gitclient

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// resolve reads a file as the API serves it.
func resolve(t *testing.T, h *testhub.Hub, who testhub.Caller, id, rev, path string) string {
	t.Helper()
	a := h.Do(who, http.MethodGet, "/"+id+"/resolve/"+rev+"/"+path, nil)
	if a.Status != http.StatusOK {
		t.Fatalf("%s at %s: %d %s", path, rev, a.Status, a.Body)
	}
	return string(a.Body)
}

// What git pushes, the API lists and serves: files, branches, tags, moves, deletions, force-pushes.
func TestPush(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		dir := u.clone("alice/m")
		u.write(dir, "README.md", "---\nlicense: mit\ntags: [pushed]\n---\n# by git\n")
		u.write(dir, "deep/er/file.txt", "text\n")
		u.write(dir, "empty", "")
		first := u.commit(dir, "first")
		out := u.git(dir, "push", "origin", "main")
		t.Log(out)
		if got := resolve(t, h, alice, "alice/m", "main", "deep/er/file.txt"); got != "text\n" {
			t.Errorf("pushed file: %q", got)
		}
		var info struct {
			SHA  string
			Tags []string
		}
		h.JSON(alice, http.MethodGet, "/api/models/alice/m", nil, &info)
		if info.SHA != first || !strings.Contains(strings.Join(info.Tags, " "), "license:mit") {
			t.Errorf("info after the push: %+v", info)
		}

		// Thin packs on top of what the API committed meanwhile.
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"api.txt": strings.Repeat("a line from the API\n", 200)})
		u.write(dir, "deep/er/file.txt", "changed\n")
		u.commit(dir, "second")
		u.refused(dir, []string{"push", "origin", "main"}, "rejected", "fetch first")
		u.git(dir, "pull", "-q", "--rebase")
		u.write(dir, "api.txt", strings.Repeat("a line from the API\n", 200)+"and one from git\n")
		u.commit(dir, "third")
		u.git(dir, "push", "-q", "origin", "main")
		if got := resolve(t, h, alice, "alice/m", "main", "api.txt"); !strings.HasSuffix(got, "and one from git\n") {
			t.Errorf("after a thin pack: %q", got)
		}

		// Several refs at once; a lightweight and an annotated tag; a ref to what is there already.
		u.git(dir, "tag", "light", first)
		u.git(dir, "tag", "-a", "v1", "-m", "release one")
		u.git(dir, "branch", "feature/x")
		u.git(dir, "push", "-q", "origin", "light", "v1", "feature/x")
		var refs struct{ Branches, Tags []struct{ Name string } }
		h.JSON(alice, http.MethodGet, "/api/models/alice/m/refs", nil, &refs)
		if len(refs.Branches) != 2 || len(refs.Tags) != 2 {
			t.Errorf("refs: %+v", refs)
		}
		if got := resolve(t, h, alice, "alice/m", "v1", "deep/er/file.txt"); got != "changed\n" {
			t.Errorf("at the tag: %q", got)
		}

		// Force, and an old value that is not the present one.
		u.git(dir, "commit", "-q", "--amend", "-m", "rewritten")
		u.refused(dir, []string{"push", "origin", "main"}, "non-fast-forward")
		u.git(dir, "push", "-q", "--force", "origin", "main")
		if got := u.git(dir, "ls-remote", "origin", "refs/heads/main"); !strings.HasPrefix(got, u.git(dir, "rev-parse", "main")) {
			t.Errorf("after a force-push: %s", got)
		}

		// Deletion; the default branch stays.
		u.git(dir, "push", "-q", "origin", ":light", ":feature/x")
		if got := u.git(dir, "ls-remote", "origin", "light", "feature/x"); got != "" {
			t.Errorf("deleted refs are there: %s", got)
		}
		u.refused(dir, []string{"push", "origin", ":main"}, "the default branch cannot be deleted")
		u.git(dir, "push", "-q", "origin", "main:refs/heads/light/er") // where a tag and a branch have been
		fresh := u.clone("alice/m")
		if a, b := u.git(fresh, "rev-parse", "HEAD^{tree}"), u.git(dir, "rev-parse", "HEAD^{tree}"); a != b {
			t.Errorf("trees %s and %s", a, b)
		}
	})
}

// A push to a repository without anything in it, of a whole history with merges.
func TestPushHistory(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Dataset, "alice/d", false)
		dir := t.TempDir()
		u.git(dir, "init", "-q")
		for i := range 30 {
			u.write(dir, "data/"+string(rune('a'+i%7))+".csv", strings.Repeat("1,2,3\n", 100*i))
			u.commit(dir, "step")
			if i%10 == 5 {
				u.git(dir, "checkout", "-q", "-b", "side"+string(rune('0'+i/10)), "HEAD~2")
				u.write(dir, "side.txt", strings.Repeat("x", i))
				u.commit(dir, "side")
				u.git(dir, "checkout", "-q", "main")
				u.git(dir, "merge", "-q", "-m", "merge", "side"+string(rune('0'+i/10)))
			}
		}
		u.git(dir, "remote", "add", "origin", u.remote("datasets/alice/d"))
		u.refused(dir, []string{"push", "origin", "main"}, "rejected")
		u.git(dir, "push", "-q", "--force", "origin", "main")
		u.git(dir, "push", "-q", "--all", "origin")
		clone := u.clone("datasets/alice/d.git", "--mirror")
		for _, rev := range []string{"main", "side0", "side1", "side2"} {
			if a, b := u.git(dir, "rev-parse", rev), u.git(clone, "rev-parse", rev); a != b {
				t.Errorf("%s: %s and %s", rev, a, b)
			}
		}
	})
}

// Each refusal reaches the user in words that say what to do.
func TestPushRefusals(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		before := h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"a.txt": "a"})
		dir := u.clone("alice/m")

		try := func(name string, words ...string) {
			t.Helper()
			u.git(dir, "checkout", "-q", "-B", "try", "origin/main")
			t.Run(name, func(t *testing.T) {
				u.t = t
				defer func() { u.t = h.T }()
				words = append(words, "remote rejected")
				t.Log(u.refused(dir, []string{"push", "origin", name + ":main"}, words...))
				if got := u.git(dir, "ls-remote", "origin", "refs/heads/main"); !strings.HasPrefix(got, before) {
					t.Errorf("the branch moved to %s", got)
				}
			})
		}
		branch := func(name string) { u.git(dir, "checkout", "-q", "-B", name, "origin/main") }

		branch("big")
		if err := os.WriteFile(filepath.Join(dir, "weights.bin"), make([]byte, 11_000_000), 0o644); err != nil {
			t.Fatal(err)
		}
		u.commit(dir, "big")
		try("big", "weights.bin", "11000000", "git lfs migrate")

		branch("pointer")
		u.write(dir, "model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("ab", 32)+"\nsize 12345\n")
		u.commit(dir, "pointer")
		u.git(dir, "rm", "-q", "model.bin")
		u.commit(dir, "and away again")
		try("pointer", "model.bin", "has not been uploaded", "git lfs push --all")

		branch("card")
		u.write(dir, "README.md", "---\nlicense: [unclosed\n---\n")
		u.commit(dir, "card")
		try("card", "Invalid metadata in README.md")

		// Trees that no checkout should ever see. git mktree makes them all.
		blob := strings.Fields(u.git(dir, "rev-parse", "origin/main:a.txt"))[0]
		for name, entry := range map[string]string{
			"dotdot": "100644 blob " + blob + "\t..", "dot": "100644 blob " + blob + "\t.",
			"dotgit": "100644 blob " + blob + "\t.git", "DOTGIT": "100644 blob " + blob + "\t.GIT", "ntfs": "100644 blob " + blob + "\tgit~1",
			"hfs": "100644 blob " + blob + "\t.g\u200cit", "backslash": "100644 blob " + blob + "\ta\\.git\\config",
			"control": "100644 blob " + blob + "\ta\x01b", "latin1": "100644 blob " + blob + "\ta\xe9b",
			"long": "100644 blob " + blob + "\t" + strings.Repeat("n", 256), "gitmodules": "120000 blob " + blob + "\t.gitmodules",
		} {
			out, ok := u.try(dir, entry+"\x00", "git", "mktree", "-z", "--missing")
			if !ok {
				t.Fatalf("%s: mktree: %s", name, out)
			}
			tree := strings.TrimSpace(out)
			if len(name)%2 == 0 { // some of them below a folder
				out, _ = u.try(dir, "040000 tree "+tree+"\tsub\x00", "git", "mktree", "-z")
				tree = strings.TrimSpace(out)
			}
			u.git(dir, "branch", "-f", name, u.git(dir, "commit-tree", "-p", "origin/main", "-m", name, tree))
			try(name)
		}

		for _, ref := range []string{"refs/pr/1", "refs/notes/x", "refs/heads/refs/x"} {
			u.refused(dir, []string{"push", "origin", "origin/main:" + ref}, "remote rejected")
		}
		u.git(dir, "push", "-q", "origin", "origin/main:refs/heads/a")
		u.refused(dir, []string{"push", "origin", "origin/main:refs/heads/a/b"}, "there is a ref refs/heads/a")

		// One bad ref among good ones: each hears its own reason, and nothing of the pack is taken.
		branch("good")
		u.write(dir, "good.txt", "good")
		u.commit(dir, "good")
		u.refused(dir, []string{"push", "origin", "good", "card:main"}, "Invalid metadata", "nothing of this push was taken, because of refs/heads/main")
		u.refused(dir, []string{"push", "--atomic", "origin", "good", "good:refs/pr/5"}, "the push is atomic")
		u.refused(dir, []string{"push", "origin", "good", "good:refs/pr/5"}, "only branches")
		if got := u.git(dir, "ls-remote", "origin", "refs/heads/good"); got == "" {
			t.Error("the good ref was not taken")
		}
	})
}
