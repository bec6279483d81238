package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// s25 is one person with a right on one repository, and all that they got by it before they lose it. Everything is asked
// of another process than the one that takes the right away.
type s25 struct {
	t    *testing.T
	node *testhub.Hub
	name string // of the user
	id   string // of the repository
	file string // its large file
	size int    // bytes of it

	caller       testhub.Caller
	ssh          *ssh.Client
	read, write  string // Xet tokens
	xet          string // hash of the large file
	signed       string // address of a xorb
	down, up     string // addresses of Git LFS
	pull, push   string // credentials for Git LFS, from SSH
	other        string // an object that is not here
	closesReads  bool
	closesWrites bool
	fine         bool   // the token is a fine-grained one for the repository
	only         string // token, ssh: what the person loses by; empty: both
}

const everyRight = "" // of s25.only

// door is a way in. It is closed if it answers that there is nothing, or not for this person.
type door struct {
	name  string
	by    string // token or ssh
	write bool
	open  func() (bool, string)
}

// TestS25LostRightsAreLostWithinASecond: a member who is removed, a role that is lowered, a token that is revoked,
// rotated or shut out, a user who is suspended, a key that is deleted, a repository that is made private or deleted: a
// second later no door of another process gives anything for it, by whatever was got before.
func TestS25LostRightsAreLostWithinASecond(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		node := h.Node()
		boss := h.User("boss")
		h.Org("acme", boss, nil)
		acme, err := h.App.Orgs().Get(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		accounts, orgs, ctx := h.App.Accounts(), h.App.Orgs(), t.Context()
		losses := []struct {
			name    string
			private bool
			s25
			lose func(*s25, *account.User, *account.Token) error
		}{
			{"member removed", true, s25{closesReads: true, closesWrites: true}, func(_ *s25, u *account.User, _ *account.Token) error {
				return orgs.RemoveMember(ctx, acme.ID, u.ID)
			}},
			{"role lowered", true, s25{closesWrites: true}, func(_ *s25, u *account.User, _ *account.Token) error {
				return orgs.SetMember(ctx, acme.ID, u.ID, hub.RoleRead)
			}},
			{"role taken", true, s25{closesReads: true, closesWrites: true}, func(_ *s25, u *account.User, _ *account.Token) error {
				return orgs.SetMember(ctx, acme.ID, u.ID, hub.RoleNone)
			}},
			{"role lowered, fine-grained token", true, s25{closesWrites: true, fine: true}, func(_ *s25, u *account.User, _ *account.Token) error {
				return orgs.SetMember(ctx, acme.ID, u.ID, hub.RoleRead)
			}},
			{"member removed, fine-grained token", true, s25{closesReads: true, closesWrites: true, fine: true}, func(_ *s25, u *account.User, _ *account.Token) error {
				return orgs.RemoveMember(ctx, acme.ID, u.ID)
			}},
			{"token revoked", true, s25{closesReads: true, closesWrites: true, only: "token"}, func(_ *s25, u *account.User, k *account.Token) error {
				return accounts.RevokeToken(ctx, u.ID, k.ID)
			}},
			{"token rotated", true, s25{closesReads: true, closesWrites: true, only: "token"}, func(_ *s25, u *account.User, k *account.Token) error {
				_, _, err := accounts.RotateToken(ctx, hub.Actor{}, u.ID, k.ID)
				return err
			}},
			{"token found", true, s25{closesReads: true, closesWrites: true, only: "token"}, func(s *s25, _ *account.User, _ *account.Token) error {
				return accounts.RevokeLeaked(ctx, []string{s.caller.Token})
			}},
			{"token shut out", true, s25{closesReads: true, closesWrites: true, only: "token"}, func(_ *s25, _ *account.User, k *account.Token) error {
				return accounts.BarToken(ctx, acme.ID, k)
			}},
			{"user suspended", true, s25{closesReads: true, closesWrites: true}, func(_ *s25, u *account.User, _ *account.Token) error {
				return accounts.Disable(ctx, u.ID)
			}},
			{"keys deleted", true, s25{closesReads: true, closesWrites: true, only: "ssh"}, func(_ *s25, u *account.User, _ *account.Token) error {
				keys, err := accounts.SSHKeys(ctx, u.ID)
				for _, k := range keys {
					if err == nil {
						err = accounts.DeleteSSHKey(ctx, hub.Actor{}, u.ID, k.ID)
					}
				}
				return err
			}},
			{"made private", false, s25{closesReads: true}, func(s *s25, _ *account.User, _ *account.Token) error {
				h.JSON(boss, http.MethodPut, "/api/models/"+s.id+"/settings", dict{"private": true}, nil)
				return nil
			}},
			{"deleted", true, s25{closesReads: true, closesWrites: true}, func(s *s25, _ *account.User, _ *account.Token) error {
				h.JSON(boss, http.MethodDelete, "/api/repos/delete", dict{"organization": "acme", "name": strings.TrimPrefix(s.id, "acme/")}, nil)
				return nil
			}},
		}
		type asked struct {
			loss  string
			s     *s25
			doors []door
		}
		var all []asked
		for i, l := range losses {
			s := l.s25
			s.t, s.node, s.name, s.id = t, node, fmt.Sprintf("person-%d", i), fmt.Sprintf("acme/m-%d", i)
			s.furnish(h, boss, l.private)
			a := asked{l.name, &s, s.doors(l.private)}
			for _, d := range a.doors {
				if ok, what := d.open(); !ok {
					t.Errorf("%s: before, %s is closed: %s", l.name, d.name, what)
				}
			}
			all = append(all, a)
		}
		for i, l := range losses {
			u, err := accounts.Get(ctx, all[i].s.name)
			if err == nil {
				var tokens []*account.Token
				if tokens, err = accounts.Tokens(ctx, u.ID); err == nil {
					err = l.lose(all[i].s, u, tokens[0])
				}
			}
			if err != nil {
				t.Fatalf("%s: %v", l.name, err)
			}
		}
		<-time.After(time.Second) // what is promised
		cells, stale := 0, 0
		for _, a := range all {
			for _, d := range a.doors {
				closes := (d.write && a.s.closesWrites || !d.write && a.s.closesReads) && (a.s.only == everyRight || a.s.only == d.by)
				ok, what := d.open()
				if cells++; ok == closes {
					stale++
					t.Errorf("%s: a second later %s is open: %v: %s", a.loss, d.name, ok, what)
				}
			}
		}
		t.Logf("%d doors after %d losses, %d stale", cells, len(losses), stale)
	})
}

// furnish makes the person and the repository and gets all that can be got.
func (s *s25) furnish(h *testhub.Hub, boss testhub.Caller, private bool) {
	t := s.t
	s.caller = h.Member(s.name, false)
	if private {
		h.Join("acme", map[string]hub.Role{s.name: hub.RoleWrite})
	}
	h.CreateRepo(boss, hub.Model, s.id, private)
	content := strings.Repeat("large "+s.id+" ", 5000)
	s.size = len(content)
	s.file = h.Upload(boss, hub.Model, s.id, content)
	h.Commit(boss, hub.Model, s.id, "main", map[string]string{"f.txt": "hi", "big.bin": lfsPointer(s.file, len(content))})

	key, _ := h.AddKey(s.caller)
	addr, _ := s.node.SSH()
	var err error
	s.ssh, err = ssh.Dial("tcp", addr, &ssh.ClientConfig{User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(key.Signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.ssh.Close() })
	if s.fine {
		s.caller.Token = ok[tokenJSON](t, "token", post(h, s.caller, "/api/user/tokens", dict{"name": "fine", "role": "fineGrained",
			"fineGrained": dict{"scoped": []dict{scoped("model", s.id, "repo.write")}}})).Token
	}
	token := func(kind string) string {
		return ok[struct{ AccessToken string }](t, kind, get(s.node, s.caller, "/api/models/"+s.id+"/xet-"+kind+"-token/main")).AccessToken
	}
	s.read = token("read")
	head := get(s.node, s.caller, "/"+s.id+"/resolve/main/big.bin", "Range", "bytes=0-0")
	s.xet = head.Header.Get("X-Xet-Hash")
	s.signed = s.fetchURL()
	s.down = s.href("download", s.file)
	s.pull = s.credential("download")
	if private {
		s.other = strings.Repeat("cd", 32)
		s.write, s.up, s.push = token("write"), s.href("upload", s.other), s.credential("upload")
	}
}

func lfsPointer(sha string, size int) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", sha, size)
}

func (s *s25) fetchURL() string {
	a := get(s.node, testhub.Caller{Token: s.read}, "/v1/reconstructions/"+s.xet)
	rec := ok[struct {
		FetchInfo map[string][]struct{ URL string } `json:"fetch_info"`
	}](s.t, "reconstruction", a)
	for _, f := range rec.FetchInfo {
		return strings.TrimPrefix(f[0].URL, s.node.URL)
	}
	s.t.Fatal("no address in the reconstruction")
	return ""
}

func (s *s25) batch(operation, oid, authorization string) testhub.Answer {
	headers := []string{"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json"}
	c := s.caller
	if authorization != "" {
		c, headers = nobody, append(headers, "Authorization", authorization)
	}
	return s.node.Do(c, http.MethodPost, "/"+s.id+".git/info/lfs/objects/batch", dict{"operation": operation, "objects": []dict{{"oid": oid, "size": s.size}}}, headers...)
}

func (s *s25) href(operation, oid string) string {
	out := ok[struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}](s.t, operation, s.batch(operation, oid, ""))
	href := out.Objects[0].Actions[operation].Href
	if href == "" {
		s.t.Fatalf("no address to %s: %+v", operation, out)
	}
	return strings.TrimPrefix(href, s.node.URL)
}

// credential is what git-lfs-authenticate gives.
func (s *s25) credential(operation string) string {
	out, err := s.run("git-lfs-authenticate '" + s.id + "' " + operation)
	var answer struct{ Header map[string]string }
	if err == nil {
		err = json.Unmarshal([]byte(out), &answer)
	}
	if err != nil {
		s.t.Fatalf("%s: %v: %s", operation, err, out)
	}
	return answer.Header["Authorization"]
}

// run runs a command on the connection that was opened at first.
func (s *s25) run(command string) (out string, err error) {
	session, err := s.ssh.NewSession()
	if err != nil {
		return "", err
	}
	defer func() { _ = session.Close() }()
	var stdout bytes.Buffer
	session.Stdout = &stdout
	stdin, err := session.StdinPipe()
	if err == nil {
		err = session.Start(command)
	}
	if err != nil {
		return "", err
	}
	_, _ = io.WriteString(stdin, "0000") // nothing to fetch or push
	_ = stdin.Close()
	err = session.Wait()
	return stdout.String(), err
}

func (s *s25) doors(writes bool) []door {
	open := func(a testhub.Answer) (bool, string) {
		return a.Status != 401 && a.Status != 403 && a.Status != 404, fmt.Sprintf("%d %.120s", a.Status, a.Body)
	}
	asks := func(path string) func() (bool, string) {
		return func() (bool, string) { return open(get(s.node, s.caller, path)) }
	}
	cas := func(method, token, path string, body any) func() (bool, string) {
		return func() (bool, string) { return open(s.node.Do(testhub.Caller{Token: token}, method, path, body)) }
	}
	shell := func(command string) func() (bool, string) {
		return func() (bool, string) {
			out, err := s.run(strings.Replace(command, "%", s.id, 1))
			return err == nil && out != "", fmt.Sprint(err)
		}
	}
	lfs := func(operation, oid, authorization string) func() (bool, string) {
		return func() (bool, string) { return open(s.batch(operation, oid, authorization)) }
	}
	list := []door{
		{"the API", "token", false, asks("/api/models/" + s.id)},
		{"a folder", "token", false, asks("/api/models/" + s.id + "/tree/main")},
		{"a file", "token", false, asks("/" + s.id + "/resolve/main/f.txt")},
		{"a large file", "token", false, asks("/" + s.id + "/resolve/main/big.bin")},
		{"an archive", "token", false, asks("/" + s.id + "/archive/main.tar.gz")},
		{"git fetch", "token", false, asks("/" + s.id + "/info/refs?service=git-upload-pack")},
		{"git lfs fetch", "token", false, lfs("download", s.file, "")},
		{"an address of git lfs", "token", false, func() (bool, string) { return open(get(s.node, nobody, s.down)) }},
		{"asking for a Xet token", "token", false, asks("/api/models/" + s.id + "/xet-read-token/main")},
		{"a Xet token", "token", false, cas(http.MethodGet, s.read, "/v1/reconstructions/"+s.xet, nil)},
		{"a signed address", "token", false, func() (bool, string) { return open(get(s.node, nobody, s.signed)) }},
		{"the list", "token", false, s.listed},
		{"git fetch over SSH", "ssh", false, shell("git-upload-pack '%'")},
		{"asking for a credential over SSH", "ssh", false, shell("git-lfs-authenticate '%' download")},
		{"a credential from SSH", "ssh", false, lfs("download", s.file, s.pull)},
	}
	if !writes {
		return list
	}
	return append(list, []door{
		{"writing by the API", "token", true, asks("/api/models/" + s.id + "/auth-check/write")},
		{"git push", "token", true, asks("/" + s.id + "/info/refs?service=git-receive-pack")},
		{"git lfs push", "token", true, lfs("upload", s.other, "")},
		{"an address to upload to", "token", true, func() (bool, string) {
			return open(s.node.Do(nobody, http.MethodPut, s.up, "wrong", "Content-Type", "application/octet-stream"))
		}},
		{"asking for a Xet token to write", "token", true, asks("/api/models/" + s.id + "/xet-write-token/main")},
		{"sending a xorb", "token", true, cas(http.MethodPost, s.write, "/v1/xorbs/default/"+strings.Repeat("ab", 32), "x")},
		{"sending a shard", "token", true, cas(http.MethodPost, s.write, "/v1/shards", "x")},
		{"git push over SSH", "ssh", true, shell("git-receive-pack '%'")},
		{"asking for a credential to upload over SSH", "ssh", true, shell("git-lfs-authenticate '%' upload")},
		{"a credential to upload from SSH", "ssh", true, lfs("upload", s.other, s.push)},
	}...)
}

// listed reports whether the list of repositories shows this one.
func (s *s25) listed() (bool, string) {
	a := get(s.node, s.caller, "/api/models?author=acme&limit=1000")
	return a.Status == http.StatusOK && strings.Contains(string(a.Body), `"`+s.id+`"`), fmt.Sprintf("%d %.200s", a.Status, a.Body)
}
