package compat

import (
	"os"
	"path/filepath"
	"testing"
)

// curl, wget and aria2, as scripts for downloads use them: a token in a header, and the rest of a file that is there in part.
func TestDownloaders(t *testing.T) {
	tools := installed(t)
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			env, _ := s.open(t)
			h := start(t, env...)
			c := &clients{hub: h, tools: tools, venv: "python", facts: people(t, h)}
			file := newFile(t, 300, 30<<20)
			file.Repo = writer + "/downloads"
			c.sh(t, t.TempDir(), filepath.Join(tools, "python/bin/hf"), "upload", file.Repo, file.Path, file.Name, "--private")
			token, from := "Authorization: Bearer "+writerToken, h.endpoint+"/"+file.Repo+"/resolve/main/"+file.Name
			for name, args := range map[string][]string{
				"curl":  {"curl", "-sSfL", "-H", token, "-C", "-", "-o", file.Name, from},
				"wget":  {"wget", "-q", "--header", token, "-c", from},
				"aria2": {"aria2c", "-q", "--header", token, "-c", "-x", "4", "-s", "4", "-k", "1M", "--auto-file-renaming=false", "-o", file.Name, from},
			} {
				t.Run(name, func(t *testing.T) {
					defer report.time(t, name, s.name, "download and resume")()
					file.download(t, c, args)
				})
			}
		})
	}
}

// download fetches the file whole, then what is missing of its first third.
func (f largeFile) download(t *testing.T, c *clients, args []string) {
	t.Helper()
	for _, have := range []int64{0, f.Size / 3} {
		dir := t.TempDir()
		to := filepath.Join(dir, f.Name)
		if have > 0 {
			b, err := os.ReadFile(f.Path)
			if err == nil {
				err = os.WriteFile(to, b[:have], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		c.sh(t, dir, args[0], args[1:]...)
		got, err := os.Open(to)
		if err != nil {
			t.Fatal(err)
		}
		f.check(t, got)
	}
}
