//go:build fixture

package upgrade

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

// kinds are the databases.
var kinds = []string{"sqlite", "postgres"}

// TestMakeFixture leaves a hub of the release whose binary CAIRN_TEST_BINARY names in testdata, on each database.
func TestMakeFixture(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			h, url := newHub(t, kind)
			h.MustStart(t)
			c := crash.NewClient(h)
			fill(t, c)
			s, err := look(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Stop(time.Minute); err != nil {
				t.Fatal(err)
			}
			version := regexp.MustCompile(`\d+`).FindString(h.Run(t, "", "migrate"))
			dir := filepath.Join(testdata, fmt.Sprintf("%04s", version), kind)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			pack(t, h.Data, filepath.Join(dir, folderFile))
			if url != "" {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				_, _ = z.Write(run(t, nil, tool(t, "pg_dump"), "--no-owner", "--no-privileges", url))
				_ = z.Close()
				if err := os.WriteFile(filepath.Join(dir, dumpFile), b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := json.MarshalIndent(s, "", "  ")
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, seenFile), append(text, '\n'), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// fill makes repositories with small and large files, sent in every way, some changed or gone again, and branches.
func fill(t *testing.T, c *crash.Client) {
	t.Helper()
	must := func(a crash.Answer) {
		t.Helper()
		if !a.OK() {
			t.Fatal(a)
		}
	}
	for _, repo := range []string{"first", "second", "gone"} {
		must(c.CreateRepo(repo))
		large := bytes.Repeat([]byte(repo+" large "), 3000)
		must(c.PutLFS(repo, large))
		byXet := bytes.Repeat([]byte(repo+" by xet "), 5000)
		must(c.PutXet(t, repo, byXet))
		files := []crash.Change{{Path: "README.md", Data: []byte("---\nlicense: mit\ntags: [old]\n---\n# " + repo)},
			{Path: "large.bin", Data: large, Large: true}, {Path: "deep/by xet.safetensors", Data: byXet, Large: true}}
		for n := range 20 {
			files = append(files, crash.Change{Path: fmt.Sprintf("folder/%02d.txt", n), Data: fmt.Appendf(nil, "%s %d", repo, n)})
		}
		must(c.Commit(repo, "main", files))
		must(c.CreateBranch(repo, "old"))
		must(c.Commit(repo, "main", []crash.Change{{Path: "folder/00.txt", Data: []byte("changed")}, {Path: "folder/01.txt", Gone: true}}))
		for n := range 5 {
			must(c.Commit(repo, "main", []crash.Change{{Path: "count.txt", Data: fmt.Appendf(nil, "%d", n)}}))
		}
	}
	must(c.DeleteRepo("gone"))
}

// noCache is what a node makes again.
const noCache = "cache"

// pack keeps a data folder.
func pack(t *testing.T, dir, archive string) {
	t.Helper()
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path) // it is below
		if err != nil || d.IsDir() && name != noCache {
			return err
		}
		if name == noCache {
			return fs.SkipDir
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: int64(len(b))})
		}
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	})
	for _, end := range []func() error{w.Close, z.Close, f.Close} {
		if e := end(); err == nil {
			err = e
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
