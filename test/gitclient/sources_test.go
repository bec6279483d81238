package gitclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// source is a tree of real files, and what the commit that brings it is called.
type source struct {
	dir, into string
	name      string
	clear     bool // it takes the place of all that was there: another release
}

// releases of one module, years apart: most of each is as it was in the one before.
var releases = []string{"v0.1.0", "v0.1.5", "v0.1.8", "v0.1.10", "v0.1.12", "v0.3.0", "v0.4.0", "v0.6.0", "v0.9.1", "v0.11.0", "v0.13.0", "v0.17.0",
	"v0.19.0", "v0.21.0", "v0.23.0", "v0.25.0", "v0.27.0", "v0.29.0", "v0.33.0", "v0.37.0", "v0.39.0", "v0.41.0"}

// toolsReleases is golang.org/x/tools, release by release, through the go command.
func toolsReleases(t *testing.T) (all []source) {
	args := []string{"mod", "download", "-json"}
	for _, v := range releases {
		args = append(args, "golang.org/x/tools@"+v)
	}
	for _, m := range goModules(t, t.TempDir(), args...) {
		all = append(all, source{dir: m.Dir, name: m.Version, clear: true})
	}
	return all
}

// dependencies are the modules that this program is made of, one after the other.
func dependencies(t *testing.T) (all []source) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, m := range goModules(t, here, "list", "-m", "-json", "all") {
		if m.Dir == "" || m.Main || files > 13_000 {
			continue
		}
		files += count(m.Dir)
		all = append(all, source{dir: m.Dir, into: m.Path, name: m.Path + " " + m.Version})
	}
	return all
}

// standardLibrary is the source of Go's own packages and commands, folder by folder.
func standardLibrary(t *testing.T) (all []source) {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	top, err := os.ReadDir(src)
	if err != nil {
		t.Fatalf("no source of the standard library here: %v", err)
	}
	for _, e := range top {
		if e.IsDir() {
			all = append(all, source{dir: filepath.Join(src, e.Name()), into: "src/" + e.Name(), name: e.Name()})
		}
	}
	return all
}

type goModule struct {
	Path, Version, Dir, Error string
	Main                      bool
}

func goModules(t *testing.T, dir string, args ...string) (all []goModule) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", args[0], err, &stderr)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m goModule
		if err := d.Decode(&m); err == io.EOF {
			return all
		} else if err != nil || m.Error != "" {
			t.Fatalf("%v %s", err, m.Error)
		}
		all = append(all, m)
	}
}

func count(dir string) (n int) {
	_ = filepath.WalkDir(dir, func(string, fs.DirEntry, error) error { n++; return nil })
	return n
}

// history commits sources one after the other, with a tag for each tenth.
func (u *user) history(dir string, all []source) {
	u.t.Helper()
	u.git("/", "init", "-q", dir)
	for i, s := range all {
		if s.clear && i > 0 {
			u.git(dir, "rm", "-rqf", ".")
		}
		if err := copyFiles(filepath.Join(dir, s.into), s.dir); err != nil {
			u.t.Fatal(err)
		}
		u.git(dir, "add", "-A", "--force")
		u.git(dir, "commit", "-q", "--allow-empty", "-m", s.name)
		if i%10 == 9 {
			u.git(dir, "tag", "-a", fmt.Sprint("t", i), "-m", s.name)
		}
	}
}

// largestRegular is what a push takes of a file that is no large file.
const largestRegular = 10_000_000

// copyFiles copies what a repository can have of a folder.
func copyFiles(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > largestRegular {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, b, info.Mode().Perm()|0o600)
	})
}
