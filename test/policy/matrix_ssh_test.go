package policy

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// sshCallers are those of the matrix who can have a key: nobody in particular cannot, and a key has no role.
var sshCallers = []string{"stranger", "reader", "contributor", "writer", "orgadmin", "owner", "siteadmin", "revoked", "disabled"}

// sshOperations are what git and git-lfs ask over SSH, and what they ask over HTTP instead.
var sshOperations = []struct {
	command string
	ask     func(h *testhub.Hub, c testhub.Caller, path string) testhub.Answer
}{
	{"git-upload-pack '%'", infoRefs("git-upload-pack")},
	{"git-receive-pack '%'", infoRefs("git-receive-pack")},
	{"git-lfs-authenticate '%' download", lfsBatch("download")},
	{"git-lfs-authenticate '%' upload", lfsBatch("upload")},
}

func infoRefs(service string) func(*testhub.Hub, testhub.Caller, string) testhub.Answer {
	return func(h *testhub.Hub, c testhub.Caller, path string) testhub.Answer {
		return h.Do(c, http.MethodGet, "/"+path+"/info/refs?service="+service, nil)
	}
}

func lfsBatch(operation string) func(*testhub.Hub, testhub.Caller, string) testhub.Answer {
	return func(h *testhub.Hub, c testhub.Caller, path string) testhub.Answer {
		return h.Do(c, http.MethodPost, "/"+path+"/info/lfs/objects/batch", map[string]any{"operation": operation, "objects": lfsObjects}, lfsJSON...)
	}
}

// S12: over SSH everybody may what they may over HTTP, on every kind of repository in every state.
func TestAccessMatrixSSH(t *testing.T) {
	t.Parallel()
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		m := newMatrix(t, h, "models")
		before := m.fingerprints()
		clients := m.sshClients()
		cells, differences := 0, 0
		for _, typ := range hub.RepoTypes {
			for _, state := range states {
				for _, caller := range sshCallers {
					ns := "olga"
					if org(caller) {
						ns = "acme"
					}
					for _, op := range sshOperations {
						overHTTP, moved := m.overHTTP(op.ask, caller, typ, ns, state)
						overSSH, out := m.overSSH(clients[caller], strings.Replace(op.command, "%", typ.Prefix()+ns+"/"+state, 1))
						told := strings.Contains(out, "has moved")
						cells++
						if overSSH != overHTTP || told != (moved && overSSH == admitted) {
							differences++
							t.Errorf("%s on %s%s/%s as %s: %c over SSH, %c over HTTP: %q", op.command, typ.Prefix(), ns, state, caller, overSSH, overHTTP, out)
						}
					}
				}
			}
		}
		if after := m.fingerprints(); !maps.Equal(before, after) {
			t.Error("a repository was changed")
		}
		t.Logf("%d cells, %d differences", cells, differences)
	})
}

// sshClients connects everybody who is let in; nil: nobody is.
func (m *matrix) sshClients() map[string]*ssh.Client {
	addr, _ := m.h.SSH()
	accounts, ctx := m.h.App.Accounts(), m.t.Context()
	out := map[string]*ssh.Client{}
	for _, caller := range sshCallers {
		key, user := m.h.NewKey(), m.userID(m.who[caller].Name+map[bool]string{true: caller}[m.who[caller].Name == ""])
		k, err := accounts.AddSSHKey(ctx, hub.Actor{}, user, account.NewSSHKey{Title: caller, Key: key.Public})
		if err == nil && caller == "revoked" {
			err = accounts.DeleteSSHKey(ctx, hub.Actor{}, user, k.ID)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		c, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(key.Signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
		if err == nil {
			out[caller] = c
			m.t.Cleanup(func() { _ = c.Close() })
		}
	}
	return out
}

// overHTTP is how HTTP answers, at the new name where the repository has moved.
func (m *matrix) overHTTP(ask func(*testhub.Hub, testhub.Caller, string) testhub.Answer, caller string, typ hub.RepoType, ns, state string) (got rune, wasMoved bool) {
	got = outcome(ask(m.h, m.who[caller], typ.Prefix()+ns+"/"+state))
	if got == redirected {
		return outcome(ask(m.h, m.who[caller], typ.Prefix()+ns+"/now-"+state)), true
	}
	return got, false
}

// overSSH is how SSH answers, in the letters of the matrix.
func (m *matrix) overSSH(c *ssh.Client, command string) (rune, string) {
	if c == nil {
		return badToken, ""
	}
	s, err := c.NewSession()
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var out, errOut bytes.Buffer
	s.Stdout, s.Stderr = &out, &errOut
	stdin, err := s.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := s.Setenv("GIT_PROTOCOL", "version=2"); err != nil {
		m.t.Fatal(err)
	}
	if err = s.Start(command); err == nil {
		_, _ = io.WriteString(stdin, "0000") // nothing to fetch or push; not all read it
		_ = stdin.Close()
		err = s.Wait()
	}
	text := errOut.String()
	switch {
	case err == nil && out.Len() > 0:
		return admitted, text
	case err == nil:
		return 'E', "nothing was said"
	case out.Len() > 0:
		return 'E', fmt.Sprint(err, text, out.String())
	case text == "cairn: Repository not found\n":
		return hidden, text
	case strings.Contains(text, "Access to this repository is restricted"):
		return gated, text
	case strings.Contains(text, "You don't have the right to write"):
		return forbidden, text
	}
	return 'E', text
}
