package gitclient

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// sshRun runs Debian's ssh against the hub.
func (u *user) sshRun(k testhub.Key, args ...string) (string, bool) {
	u.t.Helper()
	addr, _ := u.h.SSH()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		u.t.Fatal(err)
	}
	return u.try("/", "", "ssh", append(append(u.sshOptions(k), "-p", port, "git@"+host), args...)...)
}

// keygen makes a key with ssh-keygen.
func (u *user) keygen(args ...string) testhub.Key {
	u.t.Helper()
	k := testhub.Key{File: filepath.Join(u.t.TempDir(), "id")}
	if out, ok := u.try("/", "", "ssh-keygen", append([]string{"-q", "-N", "", "-C", "made", "-f", k.File}, args...)...); !ok {
		u.t.Fatal(out)
	}
	b, err := os.ReadFile(k.File + ".pub")
	if err != nil {
		u.t.Fatal(err)
	}
	k.Public = strings.TrimSpace(string(b))
	return k
}

// Every kind of key that ssh makes and the hub takes opens the door; ssh -T is greeted by name.
func TestSSHKeysOfEveryKind(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		for _, kind := range [][]string{{"-t", "ed25519"}, {"-t", "ecdsa", "-b", "256"}, {"-t", "ecdsa", "-b", "384"}, {"-t", "ecdsa", "-b", "521"}, {"-t", "rsa", "-b", "3072"}} {
			u := as(t, h, alice)
			k := u.keygen(kind...)
			u.useKey(k)
			if out, ok := u.sshRun(k, "-T"); ok || !strings.Contains(out, "Permission denied (publickey)") {
				t.Errorf("%v, before it is added: %v %s", kind, ok, out)
			}
			h.JSON(alice, "POST", "/api/user/keys", map[string]any{"title": "made", "key": k.Public}, nil)
			if out, ok := u.sshRun(k, "-T"); !ok || !strings.HasPrefix(out, "Hi alice! ") {
				t.Errorf("%v: ssh -T says %q, %v", kind, out, ok)
			}
			u.clone("alice/m")
		}
	})
}

// An address may be written in each of the ways that people write it in.
func TestSSHAddresses(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	for typ, id := range map[hub.RepoType]string{hub.Model: "alice/m", hub.Dataset: "alice/d", hub.Space: "alice/s"} {
		h.CreateRepo(alice, typ, id, true)
	}
	u := as(t, h, alice)
	k, _ := h.AddKey(alice)
	u.useKey(k)
	addr, _ := h.SSH()
	host, port, _ := net.SplitHostPort(addr)
	u.write(u.home, ".ssh-config", fmt.Sprintf("Host hub\n  HostName %s\n  Port %s\n  User git\n  HostKeyAlias [%s]:%s\n", host, port, host, port))
	for _, remote := range []string{
		"ssh://git@" + addr + "/alice/m", "ssh://git@" + addr + "/alice/m.git", "ssh://git@" + addr + "/ALICE/M/",
		"hub:alice/m", "hub:alice/m.git", "hub:/alice/m", "git@hub:datasets/alice/d.git", "hub:spaces/alice/s", "hub:/datasets/alice/d",
	} {
		u.env = append(u.env, "GIT_SSH_COMMAND="+strings.Replace(strings.Join(append([]string{"ssh"}, u.sshOptions(k)...), " "), "-F none", "-F "+filepath.Join(u.home, ".ssh-config"), 1))
		for _, version := range []string{"0", "2"} {
			if out := u.git("/", "-c", "protocol.version="+version, "ls-remote", remote); !strings.Contains(out, "refs/heads/main") {
				t.Errorf("%s, version %s: %s", remote, version, out)
			}
		}
	}
}

// Certificates as ssh-keygen signs them.
func TestSSHCertificates(t *testing.T) {
	maker := &user{t: t, home: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH")}}
	ca := maker.keygen("-t", "ecdsa")
	h := testhub.New(t, func(c *config.Config) { c.SSHCAKeys = ca.File + ".pub" })
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	u := as(t, h, alice)
	for _, row := range []struct {
		options string
		ok      bool
	}{
		{"-n alice -V +1h", true},
		{"-n git,alice -V +1h -O source-address=127.0.0.1/32", true},
		{"-n alice -V -2h:-1h", false},
		{"-n alice -V +1h -O force-command=id", false},
		{"-n alice -V +1h -O source-address=192.0.2.1/32", false},
		{"-n eve -V +1h", false},
		{"-V +1h", false},
		{"-h -n alice -V +1h", false},
	} {
		k := u.keygen("-t", "ed25519")
		args := append([]string{"-q", "-s", ca.File, "-I", "test"}, strings.Fields(row.options)...)
		if out, ok := u.try("/", "", "ssh-keygen", append(args, k.File+".pub")...); !ok {
			t.Fatal(out)
		}
		u.useKey(k)
		out, ok := u.try("/", "", "git", "ls-remote", u.remote("alice/m"))
		if ok != row.ok {
			t.Errorf("%s: %v\n%s", row.options, ok, out)
		}
	}
}

// An old name leads git to the new one, and the user learns it.
func TestMovedOverSSH(t *testing.T) {
	h := testhub.New(t)
	alice, eve := h.User("alice"), h.User("eve")
	u, other := as(t, h, alice), as(t, h, eve)
	for _, who := range []*user{u, other} {
		k, _ := h.AddKey(who.who)
		who.useKey(k)
	}
	h.CreateRepo(alice, hub.Model, "alice/old", true)
	dir := u.clone("alice/old")
	h.JSON(alice, "POST", "/api/repos/move", map[string]any{"fromRepo": "alice/old", "toRepo": "alice/new", "type": "model"}, nil)
	u.write(dir, "a.txt", "a")
	u.commit(dir, "after the move")
	if out := u.git(dir, "push", "origin", "main"); !strings.Contains(out, "Its name is now alice/new") {
		t.Errorf("nobody told the user:\n%s", out)
	}
	if got := resolve(t, h, alice, "alice/new", "main", "a.txt"); got != "a" {
		t.Errorf("the new name: %q", got)
	}
	hidden := other.refused("/", []string{"ls-remote", other.remote("alice/old")}, "Repository not found")
	absent := other.refused("/", []string{"ls-remote", other.remote("alice/none")}, "Repository not found")
	if hidden != absent || strings.Contains(hidden, "new") {
		t.Errorf("hidden:\n%s\nabsent:\n%s", hidden, absent)
	}
}

// S28 over SSH: what no ref reaches is not to be fetched by its id, by either version; what refs reach is.
func TestUnreachableIsUnreadableOverSSH(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice, eve := h.User("alice"), h.User("eve")
		l := lose(t, h, alice, "m", false, losses["force-push"])
		reader := as(t, h, eve)
		k, _ := h.AddKey(eve)
		reader.useKey(k)
		dir := t.TempDir()
		reader.git(dir, "init", "-q", "--bare")
		for _, version := range []string{"0", "2"} {
			fetch := func(oid string) []string {
				return []string{"-c", "protocol.version=" + version, "fetch", "-q", reader.remote("alice/m"), oid}
			}
			for _, oid := range l.lost {
				reader.refused(dir, fetch(oid), "")
				if out, ok := reader.try(dir, "", "git", "cat-file", "-e", oid); ok {
					t.Errorf("version %s: %s was obtained\n%s", version, oid, out)
				}
			}
			reader.git(dir, fetch(l.kept)...)
		}
	})
}

// A push by a client that stops half way leaves nothing, and the next one works.
func TestBrokenPushOverSSH(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	u := as(t, h, alice)
	k, _ := h.AddKey(alice)
	u.useKey(k)
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	dir := u.clone("alice/m")
	u.write(dir, "big.bin", randomText(9, 5_000_000))
	u.commit(dir, "five megabytes")
	before := u.git(dir, "ls-remote", "origin", "refs/heads/main")
	for _, after := range []string{"0.02", "0.1", "0.3"} {
		_, _ = u.try(dir, "", "timeout", "-s", "KILL", after, "git", "push", "-q", "origin", "main:refs/heads/try-"+strings.ReplaceAll(after, ".", "-"))
	}
	if got := u.git(dir, "ls-remote", "origin", "refs/heads/main"); got != before {
		t.Errorf("main is %s", got)
	}
	u.git(dir, "push", "-q", "origin", "main")
	u.clone("alice/m", "--mirror")
}

// Rules of a push are told in words over SSH too, also when the client has much more to send.
func TestRefusedPushOverSSH(t *testing.T) {
	h := testhub.New(t)
	alice, eve := h.User("alice"), h.User("eve")
	u := as(t, h, alice)
	k, _ := h.AddKey(alice)
	u.useKey(k)
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	dir := u.clone("alice/m")
	u.write(dir, "huge.bin", randomText(5, 12_000_000))
	u.commit(dir, "not by LFS")
	u.refused(dir, []string{"push", "origin", "main"}, "huge.bin", "remote rejected")
	u.refused(dir, []string{"push", "origin", ":main"}, "the default branch cannot be deleted")
	other := as(t, h, eve)
	k, _ = h.AddKey(eve)
	other.useKey(k)
	other.refused(dir, []string{"push", other.remote("alice/m"), "main"}, "cairn: You don't have the right to write to this repository")
}
