package gitclient

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// user is somebody with a git of their own: a home, a configuration, a token.
type user struct {
	t    testing.TB
	h    *testhub.Hub
	who  testhub.Caller
	home string
	env  []string
	ssh  bool // by SSH instead of HTTP
}

// overSSH are the hubs whose users come by SSH.
var overSSH sync.Map

// everyDoor runs a test over HTTP and over SSH, on both kinds of storage.
func everyDoor(t *testing.T, f func(t *testing.T, h *testhub.Hub)) {
	t.Helper()
	t.Run("http", func(t *testing.T) { testhub.Each(t, f) })
	t.Run("ssh", func(t *testing.T) {
		testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
			overSSH.Store(h, true)
			t.Cleanup(func() { overSSH.Delete(h) })
			f(t, h)
		})
	})
}

func as(t testing.TB, h *testhub.Hub, who testhub.Caller) *user {
	t.Helper()
	u := &user{t: t, h: h, who: who, home: t.TempDir()}
	name := who.Name
	if name == "" {
		name = "nobody"
	}
	u.write(u.home, ".gitconfig", "[user]\n\tname = "+name+"\n\temail = "+name+"@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n[gc]\n\tauto = 0\n[lfs]\n\tlocksverify = false\n")
	u.env = []string{"HOME=" + u.home, "PATH=" + os.Getenv("PATH"), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "GIT_ASKPASS=/bin/false"}
	if _, u.ssh = overSSH.Load(h); u.ssh {
		if who.Token == "" { // nobody in particular is somebody over SSH
			who = h.User("stranger-" + hub.NewID()[:8])
		}
		key, _ := h.AddKey(who)
		u.useKey(key)
	}
	return u
}

// useKey makes git come by SSH, with a key.
func (u *user) useKey(k testhub.Key) {
	u.t.Helper()
	u.ssh = true
	_, known := u.h.SSH()
	u.write(u.home, "known_hosts", strings.Join(known, "\n")+"\n")
	u.env = append(u.env, "GIT_SSH_COMMAND="+strings.Join(append([]string{"ssh"}, u.sshOptions(k)...), " "))
}

// sshOptions are Debian's ssh without anything of the machine's own, held to the hub's host keys.
func (u *user) sshOptions(k testhub.Key) []string {
	return []string{"-F", "none", "-i", k.File, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + filepath.Join(u.home, "known_hosts"), "-o", "GlobalKnownHostsFile=/dev/null"}
}

// remote is a repository's address, over HTTP with the user's token in it.
func (u *user) remote(id string) string {
	if u.ssh {
		addr, _ := u.h.SSH()
		return "ssh://git@" + addr + "/" + id
	}
	a, err := url.Parse(u.h.URL + "/" + id)
	if err != nil {
		u.t.Fatal(err)
	}
	if u.who.Token != "" {
		a.User = url.UserPassword(u.who.Name, u.who.Token)
	}
	return a.String()
}

// try runs a command in a folder and gives what it printed and whether it succeeded.
func (u *user) try(dir, stdin, name string, args ...string) (string, bool) {
	u.t.Helper()
	cmd := exec.CommandContext(u.t.Context(), name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, u.env, strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	text := out.String()
	if u.who.Token != "" {
		text = strings.ReplaceAll(text, u.who.Token, "TOKEN") // failures are logged
	}
	return text, err == nil
}

// masked are arguments without the token that an address may hold.
func (u *user) masked(args []string) string {
	text := strings.Join(args, " ")
	if u.who.Token != "" {
		text = strings.ReplaceAll(text, u.who.Token, "TOKEN")
	}
	return text
}

// git runs git, which must succeed, and gives what it printed.
func (u *user) git(dir string, args ...string) string {
	u.t.Helper()
	out, ok := u.try(dir, "", "git", args...)
	if !ok {
		u.t.Fatalf("git %s:\n%s", u.masked(args), out)
	}
	return strings.TrimSpace(out)
}

// refused runs git, which must fail and say all the words.
func (u *user) refused(dir string, args []string, words ...string) string {
	u.t.Helper()
	out, ok := u.try(dir, "", "git", args...)
	if ok {
		u.t.Errorf("git %s succeeded:\n%s", u.masked(args), out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			u.t.Errorf("git %s does not say %q:\n%s", u.masked(args), w, out)
		}
	}
	return out
}

// clone clones a repository into a new folder and checks every object of it.
func (u *user) clone(id string, options ...string) string {
	u.t.Helper()
	dir := filepath.Join(u.t.TempDir(), "clone")
	u.git("/", append(append([]string{"clone", "-q"}, options...), u.remote(id), dir)...)
	u.fsck(dir)
	return dir
}

// fsck checks a clone: git must have nothing to say.
func (u *user) fsck(dir string) {
	u.t.Helper()
	if out := u.git(dir, "fsck", "--strict", "--full", "--no-dangling"); out != "" {
		u.t.Errorf("git fsck --strict: %s", out)
	}
}

func (u *user) write(dir, path, text string) {
	u.t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) read(dir, path string) string {
	u.t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b)
}

// commit commits all that is in a folder and gives the commit's id.
func (u *user) commit(dir, message string) string {
	u.t.Helper()
	u.git(dir, "add", "-A")
	u.git(dir, "commit", "-q", "--allow-empty", "-m", message)
	return u.git(dir, "rev-parse", "HEAD")
}
