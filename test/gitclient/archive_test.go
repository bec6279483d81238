package gitclient

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// unpack downloads an archive and unpacks it with the system's own programs; what it held comes back by name.
func (u *user) unpack(url string) (dir string, list []string) {
	u.t.Helper()
	a := u.h.Do(u.who, http.MethodGet, url, nil)
	if a.Status != http.StatusOK {
		u.t.Fatalf("%s: %d %.300s", url, a.Status, a.Body)
	}
	dir = u.t.TempDir()
	file := filepath.Join(u.t.TempDir(), "packed")
	if err := os.WriteFile(file, a.Body, 0o600); err != nil {
		u.t.Fatal(err)
	}
	unpack, names := []string{"tar", "-xzf", file, "-C", dir}, []string{"tar", "--quoting-style=literal", "-tzf", file}
	if strings.Contains(url, ".zip") {
		unpack, names = []string{"env", "LC_ALL=C.UTF-8", "unzip", "-q", file, "-d", dir}, []string{"env", "LC_ALL=C.UTF-8", "unzip", "-Z1", file}
	}
	if out, ok := u.try(dir, "", unpack[0], unpack[1:]...); !ok || out != "" {
		u.t.Fatalf("%v: %s", unpack, out)
	}
	out, ok := u.try(dir, "", names[0], names[1:]...)
	if !ok {
		u.t.Fatal(out)
	}
	list = strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	slices.Sort(list)
	return dir, list
}

// described is each file below a folder: its mode and its bytes, or where it leads.
func described(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == ".git" && d.IsDir() {
			return cmpErr(err, fs.SkipDir)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, dir)
		switch {
		case d.IsDir():
			out = append(out, "dir "+name)
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			out = append(out, "link "+name+" "+to)
			return err
		default:
			b, err := os.ReadFile(p)
			out = append(out, fmt.Sprintf("file %s %v %d %x", name, info.Mode()&0o100 != 0, len(b), sha256.Sum256(b)))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%s lacks %.200s", what, s)
		}
	}
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("%s has %.200s", what, s)
		}
	}
}

// TestArchiveLikeClone: tar and unzip make of an archive the files that a clone has, and git archive lists the same.
func TestArchiveLikeClone(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, "model", "alice/m", true)
		dir := u.clone("alice/m")
		u.git(dir, "lfs", "install", "--local")
		u.git(dir, "lfs", "track", "*.weights")
		for name, text := range map[string]string{
			"text": "hello\n", "run.sh": "#!/bin/sh\n", "empty": "", "ü/日本 é.txt": "1\n", "sp ace": "2\n", `q"uote`: "3\n", "one.weights": randomText(1, 3_000_000), "sub/two.weights": strings.Repeat("compressible ", 200_000),
			strings.Repeat("long/", 60) + strings.Repeat("n", 200): "deep\n", "large.txt": strings.Repeat("many lines\n", 300_000), "a:b": "4\n", "-dash": "5\n", "tail.": "6\n",
		} {
			u.write(dir, name, text)
		}
		if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
			t.Fatal(err)
		}
		link(t, dir, "link", "text")
		link(t, dir, "ü/up", "../sub")
		link(t, dir, "out", "/nowhere/at/all")
		commit := u.commit(dir, "files")
		u.git(dir, "push", "-q", "origin", "main")
		u.git(dir, "tag", "v1")
		u.git(dir, "push", "-q", "origin", "v1")

		want := described(t, dir)
		for _, rev := range []string{"main", "v1", commit, "refs%2Fheads%2Fmain", "refs/heads/main"} {
			folder := "m-" + strings.NewReplacer("%2F", "-", "/", "-").Replace(rev)
			for _, format := range []string{".tar.gz", ".zip"} {
				got, list := u.unpack("/alice/m/archive/" + rev + format)
				same(t, rev+format, described(t, filepath.Join(got, folder)), want)
				names, _ := u.try(dir, "", "sh", "-c", "git archive --format=tar --prefix="+folder+"/ HEAD | tar --quoting-style=literal -t")
				listed := strings.Split(strings.TrimSuffix(names, "\n"), "\n")
				slices.Sort(listed)
				same(t, "the list of "+rev+format, list, listed)
			}
		}
		pointers := filepath.Join(t.TempDir(), "pointers")
		u.git("/", "-c", "filter.lfs.smudge=", "-c", "filter.lfs.required=false", "clone", "-q", u.remote("alice/m"), pointers)
		for _, format := range []string{".tar.gz", ".zip"} {
			got, _ := u.unpack("/alice/m/archive/main" + format + "?lfs=false")
			same(t, "pointers"+format, described(t, filepath.Join(got, "m-main")), described(t, pointers))
		}
	})
}

// TestArchiveIsTheSameTwice: the same bytes, a validator, and the commit's id where git looks for it.
func TestArchiveIsTheSameTwice(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		h.CreateRepo(alice, "dataset", "alice/d", false)
		commit := h.Commit(alice, "dataset", "alice/d", "main", map[string]string{"a": "1", "b/c": "2"})
		seen := map[string]bool{}
		for _, path := range []string{"main.tar.gz", "main.zip", "main.zip?lfs=false", commit + ".zip"} {
			url := "/datasets/alice/d/archive/" + path
			one, two := h.Do(alice, http.MethodGet, url, nil), h.Do(alice, http.MethodGet, url, nil)
			etag := one.Header.Get("ETag")
			if one.Status != http.StatusOK || !bytes.Equal(one.Body, two.Body) || etag == "" || etag != two.Header.Get("ETag") || seen[etag] && !strings.Contains(path, "lfs") {
				t.Errorf("%s: %d, %q and %q", path, one.Status, etag, two.Header.Get("ETag"))
			}
			seen[etag] = true
			if one.Header.Get("X-Repo-Commit") != commit || !strings.Contains(one.Header.Get("Content-Disposition"), "attachment") || one.Header.Get("Accept-Ranges") != "none" {
				t.Errorf("%s: %v", path, one.Header)
			}
			if a := h.Do(alice, http.MethodGet, url, nil, "If-None-Match", etag); a.Status != http.StatusNotModified || len(a.Body) != 0 {
				t.Errorf("%s: %d", path, a.Status)
			}
			if a := h.Do(alice, http.MethodHead, url, nil); a.Status != http.StatusOK || a.Header.Get("ETag") != etag || len(a.Body) != 0 {
				t.Errorf("%s: HEAD %d", path, a.Status)
			}
			if a := h.Do(alice, http.MethodGet, url, nil, "Range", "bytes=0-9"); a.Status != http.StatusOK || !bytes.Equal(a.Body, one.Body) {
				t.Errorf("%s: a range answers %d", path, a.Status)
			}
		}
		file := filepath.Join(t.TempDir(), "a.tar.gz")
		u.write(filepath.Dir(file), "a.tar.gz", string(h.Do(alice, http.MethodGet, "/datasets/alice/d/archive/main.tar.gz", nil).Body))
		if out, ok := u.try(t.TempDir(), "", "sh", "-c", "gzip -dc '"+file+"' | git get-tar-commit-id"); !ok || strings.TrimSpace(out) != commit {
			t.Errorf("git get-tar-commit-id: %s", out)
		}
		h.Commit(alice, "dataset", "alice/d", "main", map[string]string{"a": "2"})
		if a := h.Do(alice, http.MethodHead, "/datasets/alice/d/archive/main.zip", nil); seen[a.Header.Get("ETag")] {
			t.Error("another commit has the same validator")
		}
		for path, want := range map[string]int{"main": 404, "nope.zip": 404, ".zip": 404, "main.tar": 404, "main.tar.bz2": 404, "main.zip/x": 404, "": 404} {
			if a := h.Do(alice, http.MethodGet, "/datasets/alice/d/archive/"+path, nil); a.Status != want {
				t.Errorf("%q: %d", path, a.Status)
			}
		}
	})
}

// TestArchiveNamesCannotEscape: a name that the commit API takes as plain, but that leads out of a folder where
// backslashes part names, is in no archive.
func TestArchiveNamesCannotEscape(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, "model", "alice/m", false)
	h.Commit(alice, "model", "alice/m", "main", map[string]string{`folder/..\..\..\file`: "x"})
	for _, format := range []string{".tar.gz", ".zip"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := h.Do(alice, method, "/alice/m/archive/main"+format, nil)
			if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Header.Get("X-Error-Message"), "out of the archive") {
				t.Errorf("%s %s: %d %s", method, format, a.Status, a.Header.Get("X-Error-Message"))
			}
		}
	}
}
