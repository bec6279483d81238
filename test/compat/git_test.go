package compat

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// One history, many doors: what git and git-lfs push, hf downloads; what hf uploads, git pulls. By HTTP and by SSH.
func TestGitAndHF(t *testing.T) {
	tools := installed(t)
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			env, _ := s.open(t)
			port := freePort(t)
			h := start(t, append(env, "CAIRN_SSH_LISTEN=localhost:"+port)...)
			people(t, h)
			for _, door := range []string{"http", "ssh"} {
				t.Run(door, func(t *testing.T) { newDesk(t, h, tools, door, port).tour("tour-" + door) })
			}
		})
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// desk is where somebody works: a home, a git and an hf that know the hub.
type desk struct {
	t      *testing.T
	home   string
	remote string // of repositories, to which ns/name is added
	env    []string
}

func newDesk(t *testing.T, h *hub, tools, door, sshPort string) *desk {
	d := &desk{t: t, home: t.TempDir()}
	bin := filepath.Join(tools, "python/bin")
	d.env = []string{"HOME=" + d.home, "PATH=" + bin + ":" + os.Getenv("PATH"), "HF_ENDPOINT=" + h.endpoint, "HF_TOKEN=" + writerToken, "HF_HOME=" + filepath.Join(d.home, "hf"),
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	d.write("", ".gitconfig", []byte("[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"))
	d.run("/", "git", "lfs", "install")
	if door == "ssh" {
		d.remote = "ssh://git@localhost:" + sshPort + "/"
		key := filepath.Join(d.home, "id")
		d.run("/", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key)
		h.run(t, "key", "add", writer, "--file", key+".pub")
		d.env = append(d.env, fmt.Sprintf("GIT_SSH_COMMAND=ssh -F none -i %s -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=%s/known", key, d.home))
		return d
	}
	u, err := url.Parse(h.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(writer, writerToken)
	d.remote = u.String() + "/"
	return d
}

func (d *desk) run(dir, name string, args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	// The path is that of the desk: hf is the one of the clients.
	program := name
	if name == "hf" {
		for _, kv := range d.env {
			if p, ok := strings.CutPrefix(kv, "PATH="); ok {
				program = filepath.Join(filepath.SplitList(p)[0], name)
			}
		}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, d.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, bytes.ReplaceAll(out, []byte(writerToken), []byte("TOKEN")))
	}
	return strings.TrimSpace(string(out))
}

func (d *desk) write(dir, path string, data []byte) {
	d.t.Helper()
	full := filepath.Join(d.home, dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) same(dir, path string, want []byte) {
	d.t.Helper()
	got, err := os.ReadFile(filepath.Join(d.home, dir, path))
	if err != nil || !bytes.Equal(got, want) {
		d.t.Errorf("%s in %s has %d bytes, not the %d that were sent: %v", path, dir, len(got), len(want), err)
	}
}

func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// tour is a day's work on one repository, by git and by hf in turns.
func (d *desk) tour(name string) {
	id, clone := writer+"/"+name, filepath.Join(d.home, "clone")
	d.run("/", "hf", "repos", "create", id, "--private")
	d.run("/", "git", "clone", "-q", d.remote+id, clone)
	large, card, small := noise(1, 11_000_000), []byte("---\nlicense: mit\n---\n# pushed\n"), []byte("text\n")
	d.write("clone", "model.safetensors", large)
	d.write("clone", "README.md", card)
	d.write("clone", "deep/er/file.txt", small)
	d.run(clone, "git", "lfs", "track", "*.safetensors")
	d.run(clone, "git", "add", "-A")
	d.run(clone, "git", "commit", "-q", "-m", "by git")
	d.run(clone, "git", "tag", "-a", "v1", "-m", "one")
	d.run(clone, "git", "push", "-q", "origin", "main", "v1", "main:refs/heads/topic")
	for _, revision := range []string{"main", "v1", "topic"} {
		d.run("/", "hf", "download", id, "--revision", revision, "--local-dir", filepath.Join(d.home, revision))
		d.same(revision, "model.safetensors", large)
		d.same(revision, "README.md", card)
		d.same(revision, "deep/er/file.txt", small)
	}

	other := noise(2, 12_000_000)
	d.write("upload", "second.safetensors", other)
	d.write("upload", "deep/by-hf.txt", []byte("by hf\n"))
	d.run("/", "hf", "upload", id, filepath.Join(d.home, "upload"), ".")
	d.run(clone, "git", "pull", "-q")
	d.same("clone", "second.safetensors", other)
	d.same("clone", "deep/by-hf.txt", []byte("by hf\n"))
	d.same("clone", "model.safetensors", large)
	d.run(clone, "git", "lfs", "fsck")
	if out := d.run(clone, "git", "fsck", "--strict", "--no-dangling"); strings.Contains(out, "error") {
		d.t.Error(out)
	}
	d.run("/", "git", "clone", "-q", "--depth=1", d.remote+id, filepath.Join(d.home, "shallow"))
	d.same("shallow", "second.safetensors", other)
	d.run("/", "git", "clone", "-q", "--filter=blob:none", d.remote+id, filepath.Join(d.home, "partial"))
	d.same("partial", "deep/by-hf.txt", []byte("by hf\n"))

	d.run(clone, "git", "commit", "-q", "--amend", "-m", "rewritten")
	d.run(clone, "git", "push", "-q", "--force", "origin", "main", ":topic")
	d.run("/", "hf", "download", id, "--local-dir", filepath.Join(d.home, "after"))
	d.same("after", "second.safetensors", other)
}
