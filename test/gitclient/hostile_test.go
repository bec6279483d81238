package gitclient

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

func lines(t *testing.T, values []map[string]any) string {
	t.Helper()
	var b strings.Builder
	for _, v := range values {
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// object is one entry of a pack that is made by hand.
type object struct {
	kind git.Kind
	data io.Reader
	size int64
}

func text(kind git.Kind, data string) object {
	return object{kind, strings.NewReader(data), int64(len(data))}
}

// pack makes a pack that states count objects.
func pack(t *testing.T, count int, objects ...object) []byte {
	t.Helper()
	b := bytes.NewBufferString("PACK\x00\x00\x00\x02")
	_ = binary.Write(b, binary.BigEndian, uint32(count))
	for _, o := range objects {
		c, n := byte(o.kind)<<4|byte(o.size&15), o.size>>4
		for ; n > 0; n >>= 7 {
			b.WriteByte(c | 0x80)
			c = byte(n & 0x7f)
		}
		b.WriteByte(c)
		z := zlib.NewWriter(b)
		if _, err := io.Copy(z, o.data); err != nil {
			t.Fatal(err)
		}
		_ = z.Close()
	}
	sum := sha1.Sum(b.Bytes())
	return append(b.Bytes(), sum[:]...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// S6 and S4: packs made to harm are refused in little time, and nothing of them stays.
func TestHostilePacks(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		u := as(t, h, alice)
		main := strings.Fields(u.git("/", "ls-remote", u.remote("alice/m"), "refs/heads/main"))[0]
		commitOf := func(tree hub.OID) string {
			return "tree " + tree.String() + "\nparent " + main + "\nauthor a <a@b> 1700000000 +0000\ncommitter a <a@b> 1700000000 +0000\n\nx\n"
		}
		none := commitOf(git.EmptyTree)
		good := git.Hash(git.KindCommit, []byte(none))
		var bomb []object // ten folders, each with ten times the one before: 10^10 files
		oid, mode := git.Hash(git.KindBlob, []byte("x")), git.ModeFile
		bomb = append(bomb, text(git.KindBlob, "x"))
		for range 10 {
			var entries []git.TreeEntry
			for i := range 10 {
				entries = append(entries, git.TreeEntry{Name: fmt.Sprint("f", i), Mode: mode, OID: oid})
			}
			raw := git.EncodeTree(entries)
			oid, mode = git.Hash(git.KindTree, raw), git.ModeDir
			bomb = append(bomb, text(git.KindTree, string(raw)))
		}
		bombed := commitOf(oid)
		bomb = append(bomb, text(git.KindCommit, bombed))
		long := none + strings.Repeat("m", 100_000_000)

		for _, row := range []struct {
			name string
			tip  hub.OID
			pack []byte
			want string
		}{
			{"one zero blob", good, pack(t, 2, text(git.KindCommit, none), object{git.KindBlob, io.LimitReader(zeros{}, 300<<20), 300 << 20}), "too large"},
			{"many zero blobs", good, pack(t, 41, append([]object{text(git.KindCommit, none)}, manyZeros(40)...)...), "too large"},
			{"fewer objects than stated", good, pack(t, 1<<31, text(git.KindCommit, none)), "too large"},
			// the sum, which is another each time, is taken for the head of an object
			{"one object less", good, pack(t, 2, text(git.KindCommit, none)), "damaged|too large"},
			{"one object more", good, pack(t, 1, text(git.KindCommit, none), text(git.KindBlob, "x")), "damaged"},
			{"a wrong sum", good, append(pack(t, 1, text(git.KindCommit, none)), 'x'), "damaged"},
			{"not a pack", good, []byte("hello, this is not a pack at all"), "damaged"},
			{"nothing", good, nil, "damaged"},
			{"an object that nothing leads to", good, pack(t, 3, text(git.KindTree, ""), text(git.KindCommit, none), text(git.KindBlob, "stowaway")), "no ref of this push leads to"},
			{"a commit without its tree", git.Hash(git.KindCommit, []byte(commitOf(hub.OID{1}))), pack(t, 1, text(git.KindCommit, commitOf(hub.OID{1}))), "not complete"},
			{"a tip that is not there", hub.OID{2}, pack(t, 2, text(git.KindTree, ""), text(git.KindCommit, none)), "missing"},
			{"a message of 100 MB", git.Hash(git.KindCommit, []byte(long)), pack(t, 2, text(git.KindTree, ""), text(git.KindCommit, long)), "bytes"},
			{"a tree of trees", git.Hash(git.KindCommit, []byte(bombed)), pack(t, len(bomb), bomb...), ""},
		} {
			body := git.AppendFlush(git.AppendPkt(nil, strings.Repeat("0", 40)+" "+row.tip.String()+" refs/heads/try\x00report-status\n"))
			start := time.Now()
			a := h.Do(alice, http.MethodPost, "/alice/m/git-receive-pack", append(body, row.pack...), "Content-Type", "application/x-git-receive-pack-request")
			took := time.Since(start)
			taken := strings.Contains(string(a.Body), "ok refs/heads/try")
			if a.Status != http.StatusOK || taken != (row.want == "") || !regexp.MustCompile(row.want).Match(a.Body) {
				t.Errorf("%s: %d %.300q, want %q", row.name, a.Status, a.Body, row.want)
			}
			t.Logf("%s: %v", row.name, took)
		}
		left, err := filepath.Glob(filepath.Join(os.TempDir(), "*", "push-*"))
		if err == nil && len(left) > 0 {
			t.Logf("quarantines: %v", left)
		}
		if out := u.git("/", "ls-remote", u.remote("alice/m"), "refs/heads/try"); !strings.HasPrefix(out, git.Hash(git.KindCommit, []byte(bombed)).String()) {
			t.Errorf("the one that was taken: %q", out)
		}
	})
}

func manyZeros(n int) (out []object) {
	for i := range n {
		size := int64(9_000_000 + i)
		out = append(out, object{git.KindBlob, io.LimitReader(zeros{}, size), size})
	}
	return out
}

// Requests that are no git client's are refused as what they are.
func TestMalformedRequests(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	upload, receive := "application/x-git-upload-pack-request", "application/x-git-receive-pack-request"
	zero := strings.Repeat("0", 40)
	for _, row := range []struct{ path, kind, body, version string }{
		{"git-upload-pack", "text/plain", "0000", ""},
		{"git-upload-pack", upload, "00", ""},
		{"git-upload-pack", upload, "fffff", ""},
		{"git-upload-pack", upload, "0003", ""},
		{"git-upload-pack", upload, "0032want " + strings.Repeat("A", 40) + "\n", ""},
		{"git-upload-pack", upload, "0014command=object-info\n0000", "version=2"},
		{"git-upload-pack", upload, "0014command=ls-refs\n", "version=2"},
		{"git-receive-pack", receive, "0010not a command", ""},
		{"git-receive-pack", receive, string(git.AppendPkt(nil, zero+" "+zero+" refs/heads/x\x00")) + "0000", ""},
	} {
		a := h.Do(alice, http.MethodPost, "/alice/m/"+row.path, row.body, "Content-Type", row.kind, "Git-Protocol", row.version)
		if a.Status != http.StatusBadRequest {
			t.Errorf("%s %q: %d %q", row.path, row.body, a.Status, a.Body)
		}
	}
	for _, query := range []string{"", "?service=git-upload-archive", "?service=../x"} {
		if a := h.Do(alice, http.MethodGet, "/alice/m/info/refs"+query, nil); a.Status != http.StatusBadRequest {
			t.Errorf("info/refs%s: %d %q", query, a.Status, a.Body)
		}
	}
}
