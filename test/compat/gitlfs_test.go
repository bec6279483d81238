package compat

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pushed is more than LFS sends in one part: git-lfs alone sends it in one piece, with the agent in three.
const pushed = 140 << 20

// agents are the versions of huggingface_hub whose command line is git-lfs's agent for uploads in parts.
var agents = []struct {
	of  variant
	cli string
}{
	{variants[0], "huggingface-cli"}, // 0.25
	{variants[2], "huggingface-cli"}, // 0.36 has both
	{variants[2], "hf"},
	{variants[5], "hf"}, // the newest
}

// A push of large files after `hf lfs-enable-largefiles`, which makes git-lfs send them in parts. The kinds of storage take
// turns.
func TestGitLFSInParts(t *testing.T) {
	tools := installed(t)
	for i, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			env, _ := s.open(t)
			h := start(t, env...)
			f := people(t, h)
			for j := i; j < len(agents); j += len(storages) {
				a := agents[j]
				t.Run(a.of.version+" "+a.cli, func(t *testing.T) {
					c := a.of.client(t, h, tools, f)
					c.facts.Large = newFile(t, uint64(200+j), pushed)
					c.facts.Large.Repo = writer + "/pushed-" + a.of.version + "-" + a.cli
					c.push(t, a.cli, s.name)
				})
			}
		})
	}
}

func (c *clients) push(t *testing.T, cli, storage string) {
	file := c.facts.Large
	who := "git-lfs with " + cli + " of huggingface_hub " + c.facts.Variant
	name := strings.TrimPrefix(file.Repo, writer+"/")
	c.hub.do(t, "POST", "/api/repos/create", strings.NewReader(`{"name":"`+name+`","type":"model"}`))
	home := t.TempDir()
	dir := filepath.Join(home, "clone")
	c.sh(t, home, "git", "clone", "-q", c.remote(t, file.Repo), dir)
	c.sh(t, dir, "git", "lfs", "install", "--local")
	c.sh(t, dir, filepath.Join(c.tools, c.venv, "bin", cli), "lfs-enable-largefiles", ".")
	if err := os.Rename(file.Path, filepath.Join(dir, file.Name)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "small.bin"), []byte("a small one goes in the same batch"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.sh(t, dir, "git", "add", "-A")
	c.sh(t, dir, "git", "commit", "-q", "-m", "Weights")
	parts, whole, completed := c.count(t, "lfsPart"), c.count(t, "lfsUpload"), c.count(t, "lfsComplete")
	func() {
		defer report.time(t, who, storage, "push")()
		c.sh(t, dir, "git", "push", "-q", "origin", "main")
	}()
	if p, w, d := c.count(t, "lfsPart")-parts, c.count(t, "lfsUpload")-whole, c.count(t, "lfsComplete")-completed; p < 3 || w != 0 || d != 2 {
		t.Errorf("%v parts, %v in one piece, %v completed", p, w, d)
	}
	file.readBack(t, c.hub, who, storage)
	func() { // another machine, without the agent
		defer report.time(t, who, storage, "clone")()
		again := filepath.Join(home, "again")
		c.sh(t, home, "git", "-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true", "clone", "-q", c.remote(t, file.Repo), again)
		body, err := os.Open(filepath.Join(again, file.Name))
		if err != nil {
			t.Fatal(err)
		}
		file.check(t, body)
	}()
}

// remote is a repository's address with the writer's token in it.
func (c *clients) remote(t *testing.T, id string) string {
	t.Helper()
	u, err := url.Parse(c.hub.endpoint + "/" + id)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(writer, writerToken)
	return u.String()
}

// sh runs a program in a folder, which must succeed, and gives what it printed.
func (c *clients) sh(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd, out := c.command(t, dir, program, args...)
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out.String()
}
