package patch_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/patch"
)

// gitDiff compares two folders with the git command line and gives the hunks by file name.
func gitDiff(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "diff", "--no-index", "--no-color", "old", "new")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatal(err)
	}
	hunks := map[string]string{}
	for _, part := range strings.Split("\n"+string(out), "\ndiff --git ")[1:] {
		head, body, _ := strings.Cut(part, "\n@@ ")
		name := filepath.Base(strings.Fields(head)[0])
		if body != "" {
			hunks[name] = strings.TrimSuffix("@@ "+body, "\n") + "\n"
		}
	}
	return hunks
}

func ours(t *testing.T, old, new string) string {
	t.Helper()
	a, b := patch.NewText([]byte(old)), patch.NewText([]byte(new))
	var out bytes.Buffer
	if err := patch.WriteHunks(&out, a, b, patch.Diff(a, b)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// likeGit compares pairs of texts with both.
func likeGit(t *testing.T, pairs [][2]string) {
	t.Helper()
	dir := t.TempDir()
	for side, name := range []string{"old", "new"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		for i, p := range pairs {
			if err := os.WriteFile(filepath.Join(dir, name, fmt.Sprintf("f%05d", i)), []byte(p[side]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, bad := gitDiff(t, dir), 0
	for i, p := range pairs {
		got, name := ours(t, p[0], p[1]), fmt.Sprintf("f%05d", i)
		if got != want[name] {
			if bad++; bad <= 3 {
				t.Errorf("%s\n--- old\n%.2000s--- new\n%.2000s--- ours\n%.3000s--- git\n%.3000s", name, p[0], p[1], got, want[name])
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d differ", bad, len(pairs))
	}
}

// writer makes texts whose lines repeat, are indented and blank, as those of programs are.
type writer struct{ *rand.Rand }

func (w writer) line(kinds int) string {
	switch w.IntN(8) {
	case 0:
		return "\n"
	case 1:
		return strings.Repeat(" ", w.IntN(3)*4) + "}\n"
	}
	return strings.Repeat([]string{" ", "\t"}[w.IntN(2)], w.IntN(4)) + fmt.Sprint("word", w.IntN(kinds)) + "\n"
}

func (w writer) text(lines, kinds int) []string {
	out := make([]string, lines)
	for i := range out {
		out[i] = w.line(kinds)
	}
	return out
}

// edit changes, deletes, adds, doubles and moves runs of lines.
func (w writer) edit(lines []string, times, kinds int) []string {
	out := append([]string{}, lines...)
	for range times {
		if len(out) < 4 {
			out = append(out, w.text(5, kinds)...)
		}
		at := w.IntN(len(out))
		end := min(len(out), at+w.IntN(6))
		run := append([]string{}, out[at:end]...)
		rest := append([]string{}, out[end:]...)
		switch w.IntN(5) {
		case 0:
			out = append(out[:at], rest...)
		case 1:
			out = append(append(out[:at], w.text(1+w.IntN(5), kinds)...), rest...)
		case 2:
			out = append(append(append(out[:at], run...), run...), rest...)
		case 3:
			to := w.IntN(at + 1)
			cutOut := append(append([]string{}, out[:at]...), rest...)
			out = append(append(append([]string{}, cutOut[:to]...), run...), cutOut[to:]...)
		case 4:
			out = append(append(out[:at], w.text(len(run), kinds)...), rest...)
		}
	}
	return out
}

// end sometimes takes the last line feed away.
func (w writer) end(lines []string) string {
	s := strings.Join(lines, "")
	if w.IntN(4) == 0 {
		return strings.TrimSuffix(s, "\n")
	}
	return s
}

func TestHunksLikeGit(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(1, 2))}
	var pairs [][2]string
	for i := range 1500 {
		kinds := []int{2, 10, 100, 10_000}[i%4]
		old := w.text(w.IntN(120), kinds)
		pairs = append(pairs, [2]string{w.end(old), w.end(w.edit(old, 1+w.IntN(12), kinds))})
	}
	for range 100 { // nothing in common but chance
		pairs = append(pairs, [2]string{w.end(w.text(w.IntN(60), 30)), w.end(w.text(w.IntN(60), 30))})
	}
	pairs = append(pairs, [2]string{"", "a\n"}, [2]string{"a\n", ""}, [2]string{"a", "a\n"}, [2]string{"a\n", "a"}, [2]string{"a\r\n", "a\n"}, [2]string{"\n", "\n\n"}, [2]string{"a", "b"})
	likeGit(t, pairs)
}

// TestLargeHunksLikeGit reaches the short cuts for texts that differ much.
func TestLargeHunksLikeGit(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(3, 4))}
	var pairs [][2]string
	for i := range 12 {
		kinds := []int{20, 1000, 100_000}[i%3]
		old := w.text(6000, kinds)
		pairs = append(pairs, [2]string{w.end(old), w.end(w.edit(old, []int{30, 400, 3000, 9000}[i%4], kinds))})
	}
	likeGit(t, pairs)
}
