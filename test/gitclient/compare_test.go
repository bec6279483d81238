package gitclient

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// patchOf asks for a comparison as a patch.
func patchOf(t *testing.T, h *testhub.Hub, who testhub.Caller, id, spec string) string {
	t.Helper()
	a := h.Do(who, http.MethodGet, "/api/models/"+id+"/compare/"+spec+"?raw=true", nil)
	if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Fatalf("%s: %d %s %.300s", spec, a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	return string(a.Body)
}

// applies checks that a patch makes of one commit's files exactly the other's, and back.
func (u *user) applies(dir, patch, from, to string) {
	u.t.Helper()
	for _, way := range [][]string{{from, to, "--index"}, {to, from, "-R"}} {
		u.git(dir, "checkout", "-q", "-f", way[0])
		if way[0] != from {
			way = append(way, "--index")
		}
		if patch != "" {
			if out, ok := u.try(dir, patch, "git", append([]string{"apply"}, way[2:]...)...); !ok {
				u.t.Errorf("git apply %s..%s:\n%s", way[0], way[1], out)
			}
		}
		if got, want := u.git(dir, "write-tree"), u.git(dir, "rev-parse", way[1]+"^{tree}"); got != want {
			u.t.Errorf("%s..%s: applied the tree is %s, not %s", way[0], way[1], got, want)
		}
		u.git(dir, "reset", "-q", "--hard")
	}
}

// sections splits a patch by file. What git would pack as a binary delta is left out.
func sections(patch string) []string {
	return slices.DeleteFunc(strings.SplitAfter(strings.ReplaceAll("\n"+patch, "\ndiff --git ", "\x00\ndiff --git "), "\x00"),
		func(s string) bool { return strings.Contains(s, "\nGIT binary patch\n") })
}

func (u *user) likeGitDiff(dir, patch, from, to string) {
	u.t.Helper()
	want, ok := u.try(dir, "", "git", "diff", "--full-index", "--binary", from, to)
	if !ok {
		u.t.Fatal(want)
	}
	if g, w := sections(patch), sections(want); !slices.Equal(g, w) {
		u.t.Errorf("%s..%s:\n--- ours\n%.3000s\n--- git\n%.3000s", from, to, strings.Join(g, ""), strings.Join(w, ""))
	}
}

func link(t *testing.T, dir, name, to string) {
	t.Helper()
	_ = os.Remove(filepath.Join(dir, name))
	if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func numbers(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// TestComparePatchApplies: of every kind of change at once, git apply makes the other revision, byte by byte.
func TestComparePatchApplies(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, "model", "alice/m", false)
		u := as(t, h, alice)
		dir := u.clone("alice/m")
		binary := "\x00\x01\x02" + strings.Repeat("bytes\xff", 1000)
		for name, text := range map[string]string{
			"text": numbers(0, 100), "no-end": "a\nb", "got-end": "a\nb", "gone": "x\n", "gone-binary": binary, "binary": binary, "to-move": numbers(0, 50),
			"to-move-same": numbers(200, 210), "d/exec": "#!/bin/sh\n", "becomes-link": "text\n", "empty": "", "filled": "", "emptied": "x\n", "dir/file": "f\n",
			"ü é.txt": "1\n", "sp ace": "1\n", `q"uote\back`: "1\n", "crlf": "a\r\nb\r\n", "latin1": "caf\xe9\n", "moved ü": numbers(300, 340), "tail ": "x\n", "binary-moved": binary + "x",
		} {
			u.write(dir, name, text)
		}
		link(t, dir, "link", "text")
		link(t, dir, "becomes-file", "text")
		from := u.commit(dir, "before")
		u.git(dir, "rm", "-q", "-r", "gone", "gone-binary", "dir", "becomes-link", "becomes-file")
		for name, text := range map[string]string{
			"text": numbers(0, 40) + "new\n" + numbers(45, 100), "no-end": "a\nc", "got-end": "a\nb\n", "binary": binary + "more", "new-binary": "\x00new", "new-empty": "",
			"filled": "x", "emptied": "", "becomes-file": "now a file\n", "dir": "now a file\n", "ü é.txt": "2\n", "sp ace": "2\n", `q"uote\back`: "2\n", "crlf": "a\r\nc\r\n", "latin1": "th\xe9\n",
			"new/deep/er": "x\n", "tail ": "y\n", "empty-binary": "",
		} {
			u.write(dir, name, text)
		}
		link(t, dir, "link", "crlf")
		link(t, dir, "becomes-link", "text")
		link(t, dir, "new link", "nowhere/at/all")
		u.git(dir, "mv", "to-move", "d/moved")
		u.write(dir, "d/moved", numbers(0, 30)+"x\n"+numbers(30, 50))
		u.git(dir, "mv", "to-move-same", "moved same")
		u.git(dir, "mv", "moved ü", "moved é")
		u.write(dir, "moved é", numbers(300, 338))
		u.git(dir, "mv", "binary-moved", "binary moved")
		u.write(dir, "binary moved", binary+"y")
		if err := os.Chmod(filepath.Join(dir, "d/exec"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, "text"), 0o755); err != nil {
			t.Fatal(err)
		}
		to := u.commit(dir, "after")
		u.git(dir, "push", "-q", "origin", "HEAD:main")
		for _, spec := range [][2]string{{from, to}, {to, from}, {from + "~1", to}} {
			spec[0] = u.git(dir, "rev-parse", spec[0])
			patch := patchOf(t, h, alice, "alice/m", spec[0]+".."+spec[1])
			u.likeGitDiff(dir, patch, spec[0], spec[1])
			u.applies(dir, patch, spec[0], spec[1])
		}
		if got := patchOf(t, h, alice, "alice/m", to+".."+to); got != "" {
			t.Errorf("compared with itself: %q", got)
		}
	})
}

// TestCompareRandomHistories: patches between random revisions are git's own, and apply.
func TestCompareRandomHistories(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, "model", "alice/m", false)
		u := as(t, h, alice)
		dir := u.clone("alice/m")
		rnd := rand.New(rand.NewPCG(11, 12))
		commits := []string{u.git(dir, "rev-parse", "HEAD")}
		for i := range 25 {
			for range 1 + rnd.IntN(5) {
				u.change(dir, rnd)
			}
			commits = append(commits, u.commit(dir, fmt.Sprint(i)))
		}
		u.git(dir, "push", "-q", "origin", "HEAD:main")
		for range 15 {
			from, to := commits[rnd.IntN(len(commits))], commits[rnd.IntN(len(commits))]
			patch := patchOf(t, h, alice, "alice/m", from+".."+to)
			u.likeGitDiff(dir, patch, from, to)
			u.applies(dir, patch, from, to)
		}
	})
}

// change makes one random change in a clone.
func (u *user) change(dir string, rnd *rand.Rand) {
	u.t.Helper()
	name := fmt.Sprintf("d%d/f%d.txt", rnd.IntN(3), rnd.IntN(6))
	full := filepath.Join(dir, name)
	old, err := os.ReadFile(full)
	lines := strings.SplitAfter(string(old), "\n")
	at := rnd.IntN(len(lines))
	switch k := rnd.IntN(8); {
	case err != nil || k == 0:
		u.write(dir, name, numbers(rnd.IntN(50), 60+rnd.IntN(50)))
	case k == 1:
		_ = os.Remove(full)
	case k == 2:
		to := filepath.Join(dir, fmt.Sprintf("d%d", rnd.IntN(3)), fmt.Sprintf("g%d.txt", rnd.IntN(100)))
		if os.MkdirAll(filepath.Dir(to), 0o755) != nil || os.Rename(full, to) != nil {
			u.t.Fatal("cannot move")
		}
	case k == 3:
		_ = os.Chmod(full, 0o755)
	case k == 4:
		u.write(dir, name, strings.TrimSuffix(string(old), "\n"))
	case k == 5:
		u.write(dir, name, strings.Join(slices.Insert(lines, at, "{\n", "\n", "    same\n", "}\n"), ""))
	default:
		u.write(dir, name, strings.Join(slices.Delete(lines, at, min(len(lines), at+rnd.IntN(4))), ""))
	}
}

// TestSubmoduleIsShown: what another repository holds is a line in a patch and a folder in an archive, as git has it.
func TestSubmoduleIsShown(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, "model", "alice/m", false)
	u := as(t, h, alice)
	dir := u.clone("alice/m")
	u.write(dir, "f", "1")
	u.git(dir, "add", "f")
	u.git(dir, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("ab", 20)+",sub")
	u.git(dir, "commit", "-q", "-m", "with")
	from := u.git(dir, "rev-parse", "HEAD")
	u.git(dir, "update-index", "--cacheinfo", "160000,"+strings.Repeat("cd", 20)+",sub")
	u.git(dir, "commit", "-q", "-m", "moved")
	u.git(dir, "push", "-q", "origin", "HEAD:main")
	for _, spec := range [][2]string{{from, "HEAD"}, {from + "~1", "HEAD"}, {"HEAD", from + "~1"}} {
		a, b := u.git(dir, "rev-parse", spec[0]), u.git(dir, "rev-parse", spec[1])
		patch := patchOf(t, h, alice, "alice/m", a+".."+b)
		if !strings.Contains(patch, "Subproject commit ") {
			t.Errorf("%s", patch)
		}
		u.likeGitDiff(dir, patch, a, b)
	}
	if a := h.Do(alice, http.MethodGet, "/api/models/alice/m/commit/main", nil); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if _, list := u.unpack("/alice/m/archive/main.tar.gz"); !slices.Contains(list, "m-main/sub/") {
		t.Errorf("%v", list)
	}
}
