package git_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repo is a bare repository for the real git to work in.
type repo struct {
	t   testing.TB
	dir string
}

func newRepo(t testing.TB) repo {
	r := repo{t, filepath.Join(t.TempDir(), "r.git")}
	r.t = t
	cmd := exec.Command("git", "init", "-q", "--bare", "-b", "main", r.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git init: %v %s", err, out)
	}
	return r
}

func (r repo) try(stdin []byte, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", r.dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@x")
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}

func (r repo) git(stdin []byte, args ...string) string {
	r.t.Helper()
	out, err := r.try(stdin, args...)
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

// packs are the paths of the repository's packs.
func (r repo) packs() []string {
	files, _ := filepath.Glob(filepath.Join(r.dir, "objects/pack/*.pack"))
	return files
}
