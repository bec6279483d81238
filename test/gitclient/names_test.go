package gitclient

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Names of the attacks that other hubs fell for (reliability S3), and of people with odd taste.
var (
	illegalNames = []string{
		"..", ".", "../a", "a/../b", "a/..", "a/./b", "./a", "/etc/passwd", "a//b", "a/", "/", "..\\a", "..\\..\\a",
		".git", ".git/config", ".git/hooks/pre-commit", "a/.git", "a/.git/config", ".GIT", ".Git/config", "git~1", "GIT~1/config", ".git ", ".git.", ".git . .", ".git::$INDEX_ALLOCATION", ".git:x",
		".g\u200cit", ".gi\u200dt/x", "\ufeff.git", ".git\u202e", "a\\.git\\config", ".git\\config", "a\\git~1",
		"a\nb", "a\rb", "\r\nX-Evil: 1", "a\tb", "a\x1bb", "a\x7fb", strings.Repeat("n", 256), strings.Repeat("d/", 500) + "x", strings.Repeat("n", 5000), "a/" + strings.Repeat("é", 128),
	}
	unspeakable = []string{"a\xffb", "\xed\xa0\x80", "caf\xe9"} // what no JSON carries: by push only
	legalNames  = []string{
		"a b", "%2e%2e", "%2e%2e%2fx", "%00", "100%.txt", "100%25.txt", "a%2Fb", "a#b?c=d&e", "a;b", "C:x", "CON", "NUL.txt", "a\\b", "~", "-rf", "--help", "--upload-pack=x", "*", "$(x)", "`x`", "'\"<>|",
		"...", "..a", ".gitfoo", "git", "git~2", ".gitmodules.txt", "@", "@{x}", "HEAD", "refs/heads/main", "caf\u00e9", "cafe\u0301", "日本語/ファイル.txt", "\u202ertl", "\u00a0nbsp", "🤗", strings.Repeat("n", 255), strings.Repeat("d/", 100) + "x", " lead", "trail ", "a=b",
	}
)

// nest is a pack with one file at a path, whatever is in the path, and the commit that has it.
func nest(t *testing.T, path, content string) (hub.OID, []byte) {
	t.Helper()
	objects := []object{text(git.KindBlob, content)}
	oid, mode := git.Hash(git.KindBlob, []byte(content)), git.ModeFile
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		raw := git.EncodeTree([]git.TreeEntry{{Name: parts[i], Mode: mode, OID: oid}})
		objects = append(objects, text(git.KindTree, string(raw)))
		oid, mode = git.Hash(git.KindTree, raw), git.ModeDir
	}
	c := "tree " + oid.String() + "\nauthor " + person + "\ncommitter " + person + "\n\nx\n"
	objects = append(objects, text(git.KindCommit, c))
	return git.Hash(git.KindCommit, []byte(c)), pack(t, len(objects), objects...)
}

// S3: a name that could do harm is refused at every door, by a push as by a commit, and nothing changes anywhere.
func TestIllegalNamesAtEveryDoor(t *testing.T) {
	data := t.TempDir()
	moved, err := config.Load(map[string]string{"data": filepath.Join(data, "hub")}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for kind, start := range map[string]func() *testhub.Hub{
		"sqlite+folder": func() *testhub.Hub { return testhub.New(t, func(c *config.Config) { *c = *moved }) },
		"postgres+s3":   func() *testhub.Hub { return testhub.NewScaled(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			h := start()
			alice := h.User("alice")
			u := as(t, h, alice)
			h.CreateRepo(alice, hub.Model, "alice/m", false)
			head := h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{"a0": "1", "d/e": "2"})
			begun := time.Now()
			attempts := 0
			refuse := func(door, name string, a testhub.Answer) {
				t.Helper()
				attempts++
				if a.Status < 400 || a.Status >= 500 {
					t.Errorf("%s %.60q: %d %.200s", door, name, a.Status, a.Body)
				}
			}
			for _, name := range illegalNames {
				for door, op := range map[string]map[string]any{
					"file": {"path": name, "content": "x", "encoding": "utf-8"}, "lfsFile": {"path": name, "algo": "sha256", "oid": strings.Repeat("ab", 32), "size": 1},
					"copyFile": {"path": name, "srcPath": "a0"}, "copyFile from": {"path": "new", "srcPath": name}, "file moved": {"path": name, "oldPath": "a0"}, "deletedFile": {"path": name}, "deletedFolder": {"path": name},
				} {
					key, _, _ := strings.Cut(door, " ")
					body := lines(t, []map[string]any{{"key": "header", "value": map[string]any{"summary": "s"}}, {"key": key, "value": op}})
					refuse(door, name, h.Do(alice, http.MethodPost, "/api/models/alice/m/commit/main", body, "Content-Type", "application/x-ndjson"))
				}
				refuse("preupload", name, h.Do(alice, http.MethodPost, "/api/models/alice/m/preupload/main", map[string]any{"files": []map[string]any{{"path": name, "size": 1}}}))
				refuse("create", name, h.Do(alice, http.MethodPost, "/api/repos/create", map[string]any{"name": "n", "files": []map[string]any{{"path": name, "content": "x"}}}))
				attempts++
				if a := h.Do(alice, http.MethodPost, "/api/models/alice/m/paths-info/main", map[string]any{"paths": []string{name}}); string(bytes.TrimSpace(a.Body)) != "[]" {
					t.Errorf("paths-info %.60q: %d %s", name, a.Status, a.Body)
				}
				if strings.Trim(name, "/.") != "" && !strings.HasSuffix(name, "/") { // a client takes these out of an address
					for _, door := range []string{"/alice/m/resolve/main/", "/alice/m/raw/main/", "/api/models/alice/m/tree/main/"} {
						refuse(door, name, h.Do(alice, http.MethodGet, door+url.PathEscape(name), nil))
					}
				}
			}
			for _, content := range []string{"x", string(git.Pointer{SHA256: hub.SHA256{1}, Size: 1}.Encode())} {
				for _, name := range append(illegalNames[:len(illegalNames):len(illegalNames)], unspeakable...) {
					tip, p := nest(t, name, content)
					body := git.AppendFlush(git.AppendPkt(nil, head+" "+tip.String()+" refs/heads/main\x00report-status"))
					a := h.Do(alice, http.MethodPost, "/alice/m/git-receive-pack", append(body, p...), "Content-Type", "application/x-git-receive-pack-request")
					attempts++
					if !strings.Contains(string(a.Body), "ng refs/heads/main ") {
						t.Errorf("push of %.60q: %d %.300q", name, a.Status, a.Body)
					}
				}
			}
			if got := u.git("/", "ls-remote", u.remote("alice/m"), "refs/heads/*"); got != head+"\trefs/heads/main" {
				t.Errorf("refs: %s", got)
			}
			u.clone("alice/m")
			outside := changedSince(t, data, filepath.Join(data, "hub"), begun)
			if len(outside) > 0 {
				t.Errorf("changed outside of the hub's folder: %v", outside)
			}
			t.Logf("S3: %d names, %d attempts: all refused, nothing changed", len(illegalNames)+len(unspeakable), attempts)
		})
	}
}

// changedSince are the files below a folder, but for one below it, that have changed.
func changedSince(t *testing.T, dir, but string, since time.Time) (changed []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == but {
			return fs.SkipDir
		}
		if info, err := d.Info(); err == nil && info.ModTime().After(since) {
			changed = append(changed, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// S3: every other name goes in by commit and by push and comes back byte for byte by API, file address, archive and clone.
func TestLegalNamesByEveryDoor(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		want := map[string]string{}
		for i, name := range legalNames {
			want[fmt.Sprintf("t/%02d/%s", i, name)] = fmt.Sprint("content ", i)
		}
		h.CreateRepo(alice, hub.Model, "alice/api", false)
		h.Commit(alice, hub.Model, "alice/api", "main", want)
		dir := u.clone("alice/api")
		if got := checkedOut(t, u, dir); !equal(got, want) {
			t.Errorf("a clone has %d of %d files as they were", len(got), len(want))
		}
		h.CreateRepo(alice, hub.Model, "alice/pushed", false)
		u.git(dir, "push", "-q", "--force", u.remote("alice/pushed"), "main")
		for _, repo := range []string{"alice/api", "alice/pushed"} {
			exact := 0
			for path, content := range want {
				if a := h.Do(alice, http.MethodGet, "/"+repo+"/resolve/main/"+url.PathEscape(path), nil); string(a.Body) != content {
					t.Errorf("%s: %.60q: %d %q", repo, path, a.Status, a.Body)
					continue
				}
				exact++
			}
			var list []struct{ Path, Type string }
			h.JSON(alice, http.MethodGet, "/api/models/"+repo+"/tree/main/t?recursive=true", nil, &list)
			files := 0
			for _, e := range list {
				if _, ok := want[e.Path]; ok && e.Type == "file" {
					files++
				}
			}
			if files != len(want) {
				t.Errorf("%s: the tree lists %d of %d", repo, files, len(want))
			}
			if got := archived(t, h.Do(alice, http.MethodGet, "/"+repo+"/archive/main.tar.gz", nil)); !equal(got, want) {
				t.Errorf("%s: an archive has %d of %d files as they were", repo, len(got), len(want))
			}
			t.Logf("S3: %s: %d of %d names byte for byte", repo, exact, len(want))
		}

		// A name that is harmless in git and leads out of an archive on Windows.
		const windows = "folder/..\\..\\file"
		h.Commit(alice, hub.Model, "alice/api", "main", map[string]string{windows: "x"})
		if got := resolve(t, h, alice, "alice/api", "main", url.PathEscape(windows)); got != "x" || u.read(u.clone("alice/api"), windows) != "x" {
			t.Errorf("%q: %q", windows, got)
		}
		if a := h.Do(alice, http.MethodGet, "/alice/api/archive/main.zip", nil); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("an archive with %q: %d", windows, a.Status)
		}
	})
}

// checkedOut reads the files that git lists below t/.
func checkedOut(t *testing.T, u *user, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, path := range strings.Split(strings.TrimSuffix(u.git(dir, "ls-tree", "-r", "-z", "--name-only", "HEAD", "t/"), "\x00"), "\x00") {
		files[path] = u.read(dir, path)
	}
	return files
}

func equal(a, b map[string]string) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// archived are the files below t/ of a .tar.gz.
func archived(t *testing.T, a testhub.Answer) map[string]string {
	t.Helper()
	files := map[string]string{}
	z, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		t.Errorf("archive: %d: %v", a.Status, err)
		return nil
	}
	for r := tar.NewReader(z); ; {
		e, err := r.Next()
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			return files
		}
		_, path, _ := strings.Cut(e.Name, "/") // all lie in one folder
		b, _ := io.ReadAll(r)
		if e.Typeflag == tar.TypeReg && strings.HasPrefix(path, "t/") {
			files[path] = string(b)
		}
	}
}
