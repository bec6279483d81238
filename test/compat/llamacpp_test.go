package compat

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// llama.cpp itself fetches what -hf names: its choice of files, its cache, its resuming.
func TestLlamaCpp(t *testing.T) {
	tools := installed(t)
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			env, _ := s.open(t)
			h := start(t, env...)
			c := &clients{hub: h, tools: tools, venv: "versions/llama.cpp", facts: people(t, h)}
			folder := t.TempDir()
			const odd = "odd name (1)+ü.gguf"
			have := map[string]string{} // path → sha256
			for i, name := range []string{"tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf", "BF16/tiny-BF16-00001-of-00002.gguf", "BF16/tiny-BF16-00002-of-00002.gguf", odd} {
				have[name] = weights(t, folder, name, uint64(400+i))
			}
			repo := writer + "/tiny-GGUF"
			c.sh(t, t.TempDir(), filepath.Join(tools, "python/bin/hf"), "upload", repo, folder, ".", "--private")
			defer report.time(t, "llama.cpp b11549, -hf", s.name, "by default, quantisation and name; split, resumed, cached, renamed, private")()
			fetch := func(home, arg string, want ...string) {
				t.Helper()
				c.llama(t, home, []string{"-hf", arg}, have, want...)
			}
			fetch(t.TempDir(), repo, "tiny-Q4_K_M.gguf")
			fetch(t.TempDir(), repo+":Q8_0", "tiny-Q8_0.gguf")
			fetch(t.TempDir(), repo+":BF16", "BF16/tiny-BF16-00001-of-00002.gguf", "BF16/tiny-BF16-00002-of-00002.gguf")

			c.llama(t, t.TempDir(), []string{"-hf", repo, "-hff", odd}, have, odd)

			home := t.TempDir()
			half(t, home, repo, folder, "tiny-Q8_0.gguf", have)
			fetch(home, repo+":Q8_0", "tiny-Q8_0.gguf")
			fetch(home, repo+":Q8_0", "tiny-Q8_0.gguf") // from its cache

			cmd, out := c.command(t, t.TempDir(), c.venv+"/bin/python", c.script(t), "-hf", repo)
			cmd.Env = append(cmd.Env, "HF_TOKEN="+strangerToken)
			if err := cmd.Run(); err == nil || !strings.Contains(out.String(), "Repository not found") {
				t.Errorf("a stranger: %v\n%s", err, out)
			}
			h.do(t, "POST", "/api/repos/move", strings.NewReader(`{"fromRepo":"`+repo+`","toRepo":"`+repo+`-2","type":"model"}`))
			fetch(t.TempDir(), repo, "tiny-Q4_K_M.gguf")
		})
	}
}

// weights makes a file in a folder and gives its SHA-256.
func weights(t *testing.T, folder, name string, seed uint64) string {
	t.Helper()
	f := newFile(t, seed, 5_000_000)
	to := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Path, to); err != nil {
		t.Fatal(err)
	}
	return f.SHA256
}

// half leaves the first half of a file where llama.cpp keeps what it is downloading.
func half(t *testing.T, home, repo, folder, name string, have map[string]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	blobs := filepath.Join(home, "hf/hub/models--"+strings.ReplaceAll(repo, "/", "--"), "blobs")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blobs, have[name]+".downloadInProgress"), b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *clients) script(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("versions/llama.py")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// llama fetches and checks that the cache holds the wanted files and no others.
func (c *clients) llama(t *testing.T, home string, args []string, have map[string]string, want ...string) {
	t.Helper()
	out := c.sh(t, home, c.venv+"/bin/python", append([]string{c.script(t)}, args...)...)
	got := map[string]string{}
	hub := filepath.Join(home, "hf/hub")
	err := filepath.WalkDir(hub, func(path string, _ fs.DirEntry, err error) error {
		_, at, found := strings.Cut(path, "/snapshots/")
		info, statErr := os.Stat(path) // through the link
		if _, name, in := strings.Cut(at, "/"); err == nil && statErr == nil && found && in && info.Mode().IsRegular() {
			got[name], err = sum(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{}
	for _, name := range want {
		wanted[name] = have[name]
	}
	if !maps.Equal(got, wanted) {
		t.Errorf("%v: %v, want %v\n%s", args, got, wanted, out)
	}
}
