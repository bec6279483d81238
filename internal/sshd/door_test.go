package sshd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// dial signs in at a door as the user git, or as another.
func dial(addr string, signer ssh.Signer, user ...string) (*ssh.Client, error) {
	name := append(user, "git")[0]
	return ssh.Dial("tcp", addr, &ssh.ClientConfig{User: name, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second})
}

func mustDial(t *testing.T, addr string, signer ssh.Signer) *ssh.Client {
	t.Helper()
	c, err := dial(addr, signer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ended is how a command ended.
type ended struct {
	status   int // -1: none was told
	out, err string
}

// run runs a command with an input; "" is ssh -T, which asks for a shell.
func run(t *testing.T, c *ssh.Client, command, input string, env ...string) ended {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if err := s.Setenv(name, value); err != nil {
			t.Fatalf("%s: %v", kv, err)
		}
	}
	var stdout, stderr bytes.Buffer
	s.Stdout, s.Stderr = &stdout, &stderr
	stdin, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if command == "" {
		err = s.Shell()
	} else {
		err = s.Start(command)
	}
	if err == nil {
		_, _ = io.WriteString(stdin, input) // not all read it
		_ = stdin.Close()
		err = s.Wait()
	}
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return ended{0, stdout.String(), stderr.String()}
	case errors.As(err, &exit):
		return ended{exit.ExitStatus(), stdout.String(), stderr.String()}
	}
	return ended{-1, stdout.String(), err.Error()}
}

func TestGreeting(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Dataset, "alice/d", true)
		addr, _ := h.SSH()
		key, _ := h.AddKey(alice)
		if got := run(t, mustDial(t, addr, key.Signer), "", ""); got.status != 0 || !strings.HasPrefix(got.out, "Hi alice! ") || !strings.Contains(got.out, "no shell") {
			t.Errorf("%+v", got)
		}
		deploy, _ := h.AddDeployKey(alice, "datasets/alice/d", false)
		if got := run(t, mustDial(t, addr, deploy.Signer), "", ""); got.status != 0 || !strings.HasPrefix(got.out, "Hi datasets/alice/d! ") {
			t.Errorf("%+v", got)
		}
		if _, err := dial(addr, h.NewKey().Signer); err == nil {
			t.Error("an unknown key is let in")
		}
		if _, err := dial(addr, key.Signer, "alice"); err == nil {
			t.Error("another user than git is let in")
		}
		var keys []struct{ LastUsedAt *string }
		h.JSON(alice, http.MethodGet, "/api/user/keys", nil, &keys)
		if len(keys) != 1 || keys[0].LastUsedAt == nil {
			t.Errorf("the key's last use: %+v", keys)
		}
	})
}

// Nothing but git: no shell, terminal, environment, subsystem, forwarding, agent.
func TestNothingButGit(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	addr, _ := h.SSH()
	key, _ := h.AddKey(alice)
	c := mustDial(t, addr, key.Signer)
	for _, command := range []string{"id", "sh -c id", "git-upload-archive 'alice/m'", "git-shell", "scp -t /tmp", "git upload-pack", "git-upload-pack",
		"git-upload-pack --upload-pack=id 'alice/m'", "git-upload-pack 'alice/m' --strict", "git-upload-pack 'alice/m'; id", "git-lfs-authenticate alice/m remove",
		"git-lfs-transfer alice/m upload", "git-upload-pack 'alice/m\nid'", strings.Repeat("x", 100_000)} {
		if got := run(t, c, command, ""); got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "cairn: ") {
			t.Errorf("%.60q: %+v", command, got)
		}
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err == nil {
		t.Error("a terminal is given")
	}
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("a subsystem is given")
	}
	for _, request := range []string{"x11-req", "auth-agent-req@openssh.com", "signal", "made-up"} {
		if ok, err := s.SendRequest(request, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "x11", "tun@openssh.com", "made-up"} {
		if _, _, err := c.OpenChannel(kind, nil); err == nil {
			t.Errorf("a channel of the kind %s is opened", kind)
		}
	}
	for _, request := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "made-up"} {
		if ok, _, err := c.SendRequest(request, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", request, ok, err)
		}
	}
	if _, err := c.Dial("tcp", "127.0.0.1:1"); err == nil {
		t.Error("a connection is forwarded")
	}
}

// soft-serve CVE-2024-41956: variables of a client reached git's environment.
func TestEnvironmentIsNotTaken(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	addr, _ := h.SSH()
	key, _ := h.AddKey(alice)
	c := mustDial(t, addr, key.Signer)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GIT_DIR", "GIT_SSH_COMMAND", "GIT_EXEC_PATH", "GIT_CONFIG_COUNT", "GIT_TRACE", "LD_PRELOAD", "PATH", "HOME", "BASH_ENV", "GIT_PROTOCOL\x00X", "git_protocol", ""} {
		if err := s.Setenv(name, "/tmp/evil"); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if err := s.Setenv("GIT_PROTOCOL", strings.Repeat("version=2:", 1000)); err == nil {
		t.Error("a value of 10 KB is taken")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	if got := run(t, c, "git-upload-pack 'alice/m'", "0000", "GIT_PROTOCOL=version=2:GIT_TRACE="+trace+"\nGIT_TRACE="+trace); got.status != 0 || !strings.HasPrefix(got.out, "000eversion 2") {
		t.Errorf("a value with more in it: %+v", got)
	}
	if got := run(t, c, "git-upload-pack 'alice/m'", "0000", "GIT_PROTOCOL=version=1:GIT_TRACE="+trace); got.status != 0 || strings.Contains(got.out, "version 2") {
		t.Errorf("version 0: %+v", got)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("git has written where a client told it to")
	}
}

// Paths are names of repositories and never of files or options.
func TestPathsAreNames(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	addr, _ := h.SSH()
	key, _ := h.AddKey(alice)
	c := mustDial(t, addr, key.Signer)
	for _, path := range []string{"../alice/m", "/../../etc", "alice/../alice/m", "alice/m/../m", ".", "..", "alice", "/", "alice/m.git.git", "alice//m", "alice/m/x", "~alice/m",
		"$(id)", "alice/m\\..", "alice/m%00", "alice/%6d", "models/../alice/m", "-oProxyCommand=id/x", "file:///etc/passwd", "\xff\xfe/x"} {
		for _, command := range []string{"git-upload-pack", "git-receive-pack"} {
			got := run(t, c, command+" '"+path+"'", "0000")
			if strings.HasPrefix(path, "-") {
				if got.status != 1 || got.out != "" {
					t.Errorf("%s %q: %+v", command, path, got)
				}
				continue
			}
			if got.status != 1 || got.out != "" || got.err != "cairn: Repository not found\n" {
				t.Errorf("%s %q: %+v", command, path, got)
			}
		}
	}
	for _, path := range []string{"alice/m", "/alice/m.git", "ALICE/M", "alice/m/"} {
		if got := run(t, c, "git-upload-pack '"+path+"'", "0000", "GIT_PROTOCOL=version=2"); got.status != 0 {
			t.Errorf("%q: %+v", path, got)
		}
	}
}

// A repository that one may not see answers byte for byte as an absent one.
func TestHiddenAnswersAsAbsent(t *testing.T) {
	h := testhub.New(t)
	alice, eve := h.User("alice"), h.User("eve")
	h.CreateRepo(alice, hub.Model, "alice/secret", true)
	addr, _ := h.SSH()
	key, _ := h.AddKey(eve)
	c := mustDial(t, addr, key.Signer)
	for _, command := range []string{"git-upload-pack '%'", "git-receive-pack '%'", "git-lfs-authenticate '%' download", "git-lfs-authenticate '%' upload"} {
		hidden := run(t, c, strings.Replace(command, "%", "alice/secret", 1), "0000")
		absent := run(t, c, strings.Replace(command, "%", "alice/absent", 1), "0000")
		if hidden != absent || hidden.status != 1 {
			t.Errorf("%s:\n%+v\n%+v", command, hidden, absent)
		}
	}
}

func TestDeployKeys(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		for _, id := range []string{"alice/mine", "alice/open"} {
			h.CreateRepo(alice, hub.Model, id, id == "alice/mine")
		}
		addr, _ := h.SSH()
		reads, id := h.AddDeployKey(alice, "models/alice/mine", false)
		writes, _ := h.AddDeployKey(alice, "models/alice/mine", true)
		reader, writer := mustDial(t, addr, reads.Signer), mustDial(t, addr, writes.Signer)
		const absent = "cairn: Repository not found\n"
		for _, row := range []struct {
			name    string
			c       *ssh.Client
			command string
			want    string
		}{
			{"reads its own", reader, "git-upload-pack alice/mine", ""},
			{"a read deploy key pushes", reader, "git-receive-pack alice/mine", "cairn: This deploy key only reads: add one that may write\n"},
			{"a read deploy key uploads", reader, "git-lfs-authenticate alice/mine upload", "cairn: This deploy key only reads: add one that may write\n"},
			{"downloads its own", reader, "git-lfs-authenticate alice/mine download", ""},
			{"reads with the right to write", writer, "git-upload-pack alice/mine", ""},
			{"writes", writer, "git-receive-pack alice/mine", ""},
			{"a deploy key of another repo reads", reader, "git-upload-pack alice/open", absent},
			{"a deploy key of another repo writes", writer, "git-receive-pack alice/open", absent},
			{"of an absent one", writer, "git-upload-pack alice/absent", absent},
		} {
			if got := run(t, row.c, row.command, "0000", "GIT_PROTOCOL=version=2"); got.err != row.want || (got.status == 0) != (row.want == "") {
				t.Errorf("%s: %+v", row.name, got)
			}
		}
		h.JSON(alice, http.MethodDelete, "/api/models/alice/mine/keys/"+id, nil, nil)
		if got := run(t, reader, "git-upload-pack alice/mine", ""); got.status != 1 || got.out != "" {
			t.Errorf("a deleted deploy key on an open connection: %+v", got)
		}
	})
}

// What was taken away holds within a second on new connections, and at once for the next command on open ones.
func TestDeletedKeysAndDisabledUsersAreOut(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		addr, _ := h.SSH()
		for _, row := range []struct {
			name string
			end  func(c testhub.Caller, userID, keyID string) error
		}{
			{"deleted", func(c testhub.Caller, _, keyID string) error {
				h.JSON(c, http.MethodDelete, "/api/user/keys/"+keyID, nil, nil)
				return nil
			}},
			{"disabled", func(_ testhub.Caller, userID, _ string) error { return h.App.Accounts().Disable(t.Context(), userID) }},
		} {
			user := h.User(row.name + "-user")
			u, err := h.App.Accounts().Get(t.Context(), user.Name)
			if err != nil {
				t.Fatal(err)
			}
			h.CreateRepo(user, hub.Model, user.Name+"/m", false)
			key, id := h.AddKey(user)
			open := mustDial(t, addr, key.Signer)
			s, err := open.NewSession() // in the middle of a fetch
			if err != nil {
				t.Fatal(err)
			}
			stdin, _ := s.StdinPipe()
			var out, errOut bytes.Buffer
			s.Stdout, s.Stderr = &out, &errOut
			if err := errors.Join(s.Setenv("GIT_PROTOCOL", "version=2"), s.Start("git-upload-pack "+user.Name+"/m")); err != nil {
				t.Fatal(err)
			}
			if got := run(t, open, "git-upload-pack "+user.Name+"/m", "0000"); got.status != 0 {
				t.Fatalf("%s, before: %+v", row.name, got)
			}
			if err := row.end(user, u.ID, id); err != nil {
				t.Fatal(err)
			}
			if got := run(t, open, "git-upload-pack "+user.Name+"/m", "0000"); got.status != 1 || got.out != "" {
				t.Errorf("%s, an open connection: %+v", row.name, got)
			}
			_, _ = io.WriteString(stdin, "0014command=ls-refs\n0000")
			if err := s.Wait(); err == nil || strings.Contains(out.String(), "refs/heads/main") || !strings.Contains(errOut.String(), "no longer valid") {
				t.Errorf("%s, a fetch under way: %v, %q, %q", row.name, err, &out, &errOut)
			}
			time.Sleep(time.Second)
			if _, err := dial(addr, key.Signer); err == nil {
				t.Errorf("%s, a new connection is let in", row.name)
			}
		}
	})
}

func TestMovedRepository(t *testing.T) {
	h := testhub.New(t)
	alice, eve := h.User("alice"), h.User("eve")
	h.CreateRepo(alice, hub.Model, "alice/old", true)
	h.JSON(alice, http.MethodPost, "/api/repos/move", map[string]any{"fromRepo": "alice/old", "toRepo": "alice/new", "type": "model"}, nil)
	addr, _ := h.SSH()
	key, _ := h.AddKey(alice)
	c := mustDial(t, addr, key.Signer)
	for _, command := range []string{"git-upload-pack alice/old", "git-receive-pack alice/old"} {
		if got := run(t, c, command, "0000", "GIT_PROTOCOL=version=2"); got.status != 0 || !strings.Contains(got.err, "Its name is now alice/new") {
			t.Errorf("%s: %+v", command, got)
		}
	}
	if got := run(t, c, "git-lfs-authenticate alice/old download", ""); got.status != 0 || !strings.Contains(got.out, "/alice/new.git/info/lfs") {
		t.Errorf("git-lfs-authenticate: %+v", got)
	}
	other, _ := h.AddKey(eve)
	if got := run(t, mustDial(t, addr, other.Signer), "git-upload-pack alice/old", ""); got.err != "cairn: Repository not found\n" {
		t.Errorf("who may not see it: %+v", got)
	}
}

// lfsAnswer is what git-lfs gets.
type lfsAnswer struct {
	Href      string
	Header    map[string]string
	ExpiresIn int64 `json:"expires_in"`
}

// A credential of git-lfs-authenticate opens the LFS door of one repository for one operation and nothing else, and ends
// with the key.
func TestLFSCredential(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Model, "alice/m", true)
		h.CreateRepo(alice, hub.Model, "alice/other", false)
		addr, _ := h.SSH()
		key, id := h.AddKey(alice)
		c := mustDial(t, addr, key.Signer)
		ask := func(operation string) (a lfsAnswer) {
			t.Helper()
			got := run(t, c, "git-lfs-authenticate 'alice/m' "+operation, "")
			if got.status != 0 || json.Unmarshal([]byte(got.out), &a) != nil {
				t.Fatalf("%+v", got)
			}
			if a.Href != h.URL+"/alice/m.git/info/lfs" || a.ExpiresIn < 600 || a.ExpiresIn > 24*3600 {
				t.Errorf("%+v", a)
			}
			return a
		}
		down, up := ask("download"), ask("upload")
		try := func(a lfsAnswer, method, path string, body any) int {
			t.Helper()
			return h.Do(testhub.Caller{}, method, path, body, "Authorization", a.Header["Authorization"],
				"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json").Status
		}
		batch := func(operation string) any {
			return map[string]any{"operation": operation, "objects": []map[string]any{{"oid": strings.Repeat("ab", 32), "size": 5}}}
		}
		const lfs = "/alice/m.git/info/lfs/objects/batch"
		forged := lfsAnswer{Header: map[string]string{"Authorization": up.Header["Authorization"] + "x"}}
		for _, row := range []struct {
			name   string
			a      lfsAnswer
			method string
			path   string
			body   any
			want   int
		}{
			{"download for download", down, "POST", lfs, batch("download"), 200},
			{"upload for upload", up, "POST", lfs, batch("upload"), 200},
			{"download for upload", down, "POST", lfs, batch("upload"), 403},
			{"upload for download", up, "POST", lfs, batch("download"), 403},
			{"of another repository", up, "POST", "/alice/other.git/info/lfs/objects/batch", batch("upload"), 404},
			{"of another repository", down, "POST", "/alice/other.git/info/lfs/objects/batch", batch("download"), 404},
			{"forged", forged, "POST", lfs, batch("upload"), 401},
			{"at the API", up, "GET", "/api/whoami-v2", nil, 401},
			{"at the API", up, "GET", "/api/models/alice/m", nil, 401},
			{"at the API", down, "GET", "/alice/m/resolve/main/README.md", nil, 401},
			{"at git's door", up, "GET", "/alice/m/info/refs?service=git-receive-pack", nil, 401},
			{"at Xet's door", up, "GET", "/api/models/alice/m/xet-write-token/main", nil, 401},
		} {
			if got := try(row.a, row.method, row.path, row.body); got != row.want {
				t.Errorf("%s, %s %s: %d, want %d", row.name, row.method, row.path, got, row.want)
			}
		}
		h.JSON(alice, http.MethodDelete, "/api/user/keys/"+id, nil, nil)
		if got := try(down, "POST", lfs, batch("download")); got != 401 {
			t.Errorf("after the key was deleted: %d", got)
		}
	})
}
