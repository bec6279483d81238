package gitclient

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/testhub"
)

// S28: a client that calls a lost commit its shallow one gets nothing of what is behind it, however it asks for more.
// Where that is in reach it gets it, and a depth that only what it wants is cut by is no reason to refuse it.
func TestLostHistoryIsNotGivenToDeepen(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice, eve := h.User("alice"), h.User("eve")
		l := lose(t, h, alice, "m", false, losses["force-push"])
		reader := as(t, h, eve)
		last, first := l.commits[0], l.commits[1]
		rows := []struct {
			lines string
			words string // of the answer; empty: it is refused
		}{
			{"shallow " + last + ",deepen 5", "PACK"},
			{"shallow " + last + ",deepen 999999999", "PACK"},
			{"shallow " + last + ",deepen-since 1000000000", "PACK"},
			{"shallow " + last, "PACK"},
			{"shallow " + first + ",deepen 2147483647", "unshallow " + first},
			{"shallow " + strings.Repeat("1", 40) + ",deepen 2147483647", "PACK"},
			{"shallow " + last + ",deepen 5,deepen-relative", ""},
			{"shallow " + first + ",shallow " + last + ",deepen 2147483647", ""},
			{"deepen 2147483647,shallow " + last + " and more", ""},
		}
		for _, depth := range []string{"2147483647", "0x7fffffff", "017777777777", "6442450943", "+2147483647", " 2147483647", "02147483647"} {
			rows = append(rows, struct{ lines, words string }{"shallow " + last + ",deepen " + depth, ""})
		}
		for _, v2 := range []bool{false, true} {
			for _, row := range rows {
				answer := reader.ask("alice/m", v2, uploadRequest(v2, l.kept, strings.Split(row.lines, ",")))
				refused := bytes.Contains(answer, []byte("ERR upload-pack: not our ref "+last))
				if refused != (row.words == "") || !bytes.Contains(answer, []byte(row.words)) {
					t.Errorf("version 2 %v, %s: %.300q", v2, row.lines, answer)
				}
				got := reader.packed(answer)
				for _, oid := range l.lost {
					if strings.Contains(got, oid) {
						t.Errorf("version 2 %v, %s: %s was obtained", v2, row.lines, oid)
					}
				}
				if !refused && !strings.Contains(got, l.kept) {
					t.Errorf("version 2 %v, %s: %s was not obtained", v2, row.lines, l.kept)
				}
			}
		}
	})
}

// uploadRequest asks for a commit, with more lines, and says at once that this is all.
func uploadRequest(v2 bool, want string, lines []string) []byte {
	if v2 {
		b := append(git.AppendPkt(nil, "command=fetch"), "0001"...)
		for _, line := range append(lines, "want "+want, "done") {
			b = git.AppendPkt(b, line+"\n")
		}
		return git.AppendFlush(b)
	}
	b := git.AppendPkt(nil, "want "+want+" side-band-64k ofs-delta\n")
	for _, line := range lines {
		if line == "deepen-relative" { // behind a want, which need not be the first
			line = "want " + want + " " + line
		}
		b = git.AppendPkt(b, line+"\n")
	}
	return git.AppendPkt(git.AppendFlush(b), "done\n")
}

// ask sends a request that is no git client's and gives all that is answered.
func (u *user) ask(id string, v2 bool, request []byte) []byte {
	u.t.Helper()
	protocol := map[bool]string{true: "version=2"}[v2]
	if !u.ssh {
		return u.h.Do(u.who, http.MethodPost, "/"+id+".git/git-upload-pack", request,
			"Content-Type", "application/x-git-upload-pack-request", "Git-Protocol", protocol).Body
	}
	key, _ := u.h.AddKey(u.who)
	addr, _ := u.h.SSH()
	c, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(key.Signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		u.t.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		u.t.Fatal(err)
	}
	var out bytes.Buffer
	s.Stdin, s.Stdout = bytes.NewReader(request), &out
	if v2 {
		err = s.Setenv("GIT_PROTOCOL", protocol)
	}
	var exit *ssh.ExitError // how it ended is not what is asked
	if err = errors.Join(err, s.Run("git-upload-pack '"+id+"'")); err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	return out.Bytes()
}

// packed lists the objects of an answer's pack.
func (u *user) packed(answer []byte) string {
	u.t.Helper()
	var pack strings.Builder
	for r := git.NewPktReader(bytes.NewReader(answer), 1<<30); ; {
		kind, data, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			u.t.Fatalf("%v in %.300q", err, answer)
		}
		if kind == git.PktData && data[0] == git.BandData {
			pack.Write(data[1:])
		}
	}
	if pack.Len() == 0 {
		return ""
	}
	dir := u.t.TempDir()
	u.git(dir, "init", "-q", "--bare")
	if out, ok := u.try(dir, pack.String(), "git", "index-pack", "--stdin"); !ok {
		u.t.Fatalf("index-pack: %s", out)
	}
	return u.git(dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
}

// Who has a shallow clone of a history that was forced away goes on with it: to the new one, to a deeper one, and to the
// whole one where the clone's end has its parents in it. Where those are gone, the client names a depth, or waits until
// the hub has forgotten them, too.
func TestDeepenAfterForcePush(t *testing.T) {
	everyDoor(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		u := as(t, h, alice)
		for _, version := range []string{"0", "2"} {
			id := "alice/m" + version
			source := history(u, alice, id)
			v := []string{"-c", "protocol.version=" + version}
			var dir string
			fetch := func(args ...string) []string { return append(append(v, "fetch", "-q"), args...) }
			shallow := func(back string) {
				t.Helper()
				dir = u.clone(id, append(v, "--depth=1")...)
				u.git(source, "reset", "-q", "--hard", back)
				u.commit(source, "instead, by version "+version)
				u.git(source, "push", "-q", "--force", "origin", "main")
			}
			has := func(commits string) {
				t.Helper()
				u.fsck(dir)
				if got, want := u.git(dir, "rev-list", "origin/main"), u.git(source, "rev-list", commits); got != want {
					t.Errorf("version %s: the clone has\n%s\nwant\n%s", version, got, want)
				}
			}
			for _, option := range []string{"--unshallow", "--deepen=20", "--depth=20"} {
				shallow("HEAD~1")
				u.git(dir, fetch(option)...)
				has("main")
			}
			shallow("HEAD~2")
			u.refused(dir, fetch("--unshallow"), "not our ref")
			u.git(dir, fetch("--depth=1")...)
			has("main~1..main")
			u.git(dir, fetch("--shallow-since=2020-01-01")...)
			has("main")
			shallow("HEAD~2")
			u.git(dir, fetch("--depth=1000000")...)
			has("main")
			shallow("HEAD~2")
			collectNow(t, h)
			u.git(dir, fetch("--unshallow")...)
			has("main")
		}
	})
}
