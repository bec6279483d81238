//go:build torture

package torture

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// smallMemory is what the hub of TestSmallMachine may hold: below the limit of its group, which counts more than that.
const (
	groupLimit  = 256 << 20
	smallMemory = 200 << 20
)

// sizeVariable sets the size of a file of TestSmallMachine, in MiB.
const sizeVariable = "CAIRN_TORTURE_MIB"

// TestSmallMachine has a hub in a control group of 256 MiB and with 256 descriptors take 64 uploads and give 64 downloads
// at once, of 1 GiB each: half of the uploads by LFS, each of a file of its own that shares all but its end with the
// others, half by Xet, and of two users. It lives, has little in memory, and what it has acknowledged is right.
func TestSmallMachine(t *testing.T) {
	const uploads, downloads = 64, 64
	size := int64(1 << 30)
	if v := os.Getenv(sizeVariable); v != "" {
		mib, err := strconv.ParseInt(v, 10, 64)
		if err != nil || mib < 1 {
			t.Fatalf("%s=%s is no size in MiB", sizeVariable, v)
		}
		size = mib << 20
	}
	group := newGroup(t, groupLimit)
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.Files, h.Under = 256, group.under()
	h.MustStart(t)
	s := newSmall(t, h, size)
	begun, end := time.Now(), h.Watch()
	all(uploads+downloads, func(i int) {
		switch {
		case i >= uploads:
			s.download(i)
		case i%2 == 0:
			s.putLFS(i)
		default:
			s.putXet(i)
		}
	})
	resident, highest := end()
	t.Logf("%d uploads and %d downloads of %d MiB in %.0f s: %s", uploads, downloads, size>>20, time.Since(begun).Seconds(), &s.tally)
	t.Logf("resident memory %d MB at most (kernel's mark %d MB), the group's mark %d of %d MB, %d times at its limit",
		resident/1e6, highest/1e6, group.number("max_usage_in_bytes", "peak")/1_000_000, groupLimit/1_000_000, group.hits())
	if n := group.kills(); n != 0 {
		t.Fatalf("%d processes were killed for want of memory", n)
	}
	if resident > smallMemory || highest > smallMemory {
		t.Errorf("resident memory %d MB, more than %d", highest/1e6, smallMemory/1_000_000)
	}
	s.check(t, h)
	if n := group.kills(); n != 0 {
		t.Errorf("%d processes were killed for want of memory", n)
	}
}

// TestSmallMachineRefuses has a hub in such a group whose places for uploads are all held by clients that send a few bytes now
// and then. Whoever comes then is told within a minute to come back, by LFS as by Xet; what has begun goes on; and when the
// places are free, clients that come back get through.
func TestSmallMachineRefuses(t *testing.T) {
	const places, more, size = 4, 16, 48 << 20 // a group of this size has so many places, half of them for each user
	group := newGroup(t, groupLimit)
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.Files, h.Under = 256, group.under()
	h.MustStart(t)
	s := newSmall(t, h, size)
	slow := make([]*slowBody, places)
	var held sync.WaitGroup
	for i := range slow {
		b := &slowBody{Reader: s.body(100 + i), fast: size / 2, held: make(chan struct{}), let: make(chan struct{})}
		slow[i] = b
		held.Go(func() {
			who := i % 2
			address, a := s.clients[who].LFSAddress(s.repos[who], s.lfsSHA(100+i), size)
			if address != "" {
				a = s.clients[who].Do(http.MethodPut, address, &sized{b, size})
			}
			if !a.OK() {
				t.Errorf("an upload that had begun: %s", a)
				return
			}
			s.acknowledge(who, fmt.Sprintf("slow%02d.bin", i), s.lfsSHA(100+i))
		})
	}
	for _, b := range slow {
		<-b.held // more than fits between the two: the hub reads it
	}
	begun := time.Now()
	var refused atomic.Int32
	all(more, func(i int) {
		a := s.once(i + 1) // 0 is there
		if a.Status == http.StatusServiceUnavailable {
			refused.Add(1)
		}
		if a.Err != nil || a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("while all places are held: %s, Retry-After %q", a, a.Header.Get("Retry-After"))
		}
	})
	t.Logf("%d of %d uploads refused with 503 within %.0f s while %d clients hold all places", refused.Load(), more, time.Since(begun).Seconds(), places)
	for _, b := range slow {
		close(b.let)
	}
	all(more, func(i int) {
		if i++; i%2 == 0 {
			s.putLFS(i)
		} else {
			s.putXet(i)
		}
	})
	held.Wait()
	t.Logf("then: %s", &s.tally)
	s.check(t, h)
	if n := group.kills(); n != 0 {
		t.Errorf("%d processes were killed for want of memory", n)
	}
}

// slowBody gives its first bytes at once and then a few each second, until it is let.
type slowBody struct {
	io.Reader
	fast      int
	held, let chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	switch {
	case b.fast > 0:
		n, err := b.Reader.Read(p[:min(len(p), b.fast)])
		if b.fast -= n; b.fast == 0 {
			close(b.held)
		}
		return n, err
	default:
		select {
		case <-b.let:
		case <-time.After(time.Second):
			p = p[:min(len(p), 100)]
		}
		return b.Reader.Read(p)
	}
}

// once is one attempt at an upload, by LFS or of a xorb.
func (s *small) once(i int) crash.Answer {
	who := i / 2 % 2
	if i%2 == 0 {
		return s.lfs(who, i)
	}
	token, a := s.clients[who].XetToken(s.repos[who], "write")
	if !a.OK() {
		return a
	}
	return s.clients[who].PutXorb(token, s.xet.Xorbs[0].Hash.String(), s.xet.Xorbs[0].Body)
}

// small are the two clients of TestSmallMachine and what they have sent.
type small struct {
	t       *testing.T
	size    int64
	clients [2]*crash.Client
	repos   [2]string
	down    string // SHA-256 of what is downloaded
	xet     *xetstoretest.Upload
	xetSHA  string

	mu    sync.Mutex
	sent  [2]map[string]string // acknowledged: path → SHA-256
	tally outcome
}

type outcome struct{ up, down, refused, cut int }

func (c *outcome) String() string {
	return fmt.Sprintf("%d uploads and %d downloads done, %d answers said to come back, %d connections broke", c.up, c.down, c.refused, c.cut)
}

// newSmall makes the second user, the repositories and the file that is downloaded.
func newSmall(t *testing.T, h *crash.Hub, size int64) *small {
	s := &small{t: t, size: size, repos: [2]string{"small", "second/small"}}
	h.Run(t, "", "user", "create", "second", "--email", "second@example.org", "--no-password")
	token := strings.TrimSpace(h.Run(t, "", "token", "create", "second", "--name", "t", "--role", "write"))
	for i := range s.clients {
		s.clients[i], s.sent[i] = crash.NewClient(h), map[string]string{}
		s.clients[i].HTTP = manyClients
	}
	s.clients[1].Token = token
	for i, owner := range []string{"admin", "second"} {
		if a := s.clients[i].Do(http.MethodPost, "/api/repos/create", map[string]any{"name": "small", "organization": owner, "type": "model"}); !a.OK() {
			t.Fatal(a)
		}
	}
	data := xetstoretest.Random(2, int(size))
	s.xet, s.xetSHA = (&xetstoretest.Client{}).Pack(t, data), crash.SHA(data)
	s.down, s.sent[0]["down.bin"] = s.lfsSHA(0), s.lfsSHA(0)
	if a := s.lfs(0, 0); !a.OK() {
		t.Fatal(a)
	}
	s.commit(0)
	return s
}

// body is the file of one upload by LFS: the same for all but its last 4 KiB.
func (s *small) body(i int) io.Reader {
	const own = 4 << 10
	return io.MultiReader(io.LimitReader(xetstoretest.Stream(1), s.size-own), io.LimitReader(xetstoretest.Stream(uint64(1000+i)), own))
}

func (s *small) lfsSHA(i int) string {
	sum := sha256.New()
	_, _ = io.Copy(sum, s.body(i))
	return hex.EncodeToString(sum.Sum(nil))
}

func (s *small) lfs(who, i int) crash.Answer {
	address, a := s.clients[who].LFSAddress(s.repos[who], s.lfsSHA(i), int(s.size))
	if address == "" {
		return a
	}
	return s.clients[who].Do(http.MethodPut, address, &sized{s.body(i), s.size})
}

// sized is a body that says how long it is, as clients of LFS do.
type sized struct {
	io.Reader
	n int64
}

func (s *sized) Size() int64 { return s.n }

func (s *small) putLFS(i int) {
	who := i / 2 % 2
	if s.until(func() crash.Answer { return s.lfs(who, i) }) {
		s.acknowledge(who, fmt.Sprintf("lfs%02d.bin", i), s.lfsSHA(i))
	}
}

func (s *small) putXet(i int) {
	who := i / 2 % 2
	c := s.clients[who]
	var token string
	ok := s.until(func() (a crash.Answer) { token, a = c.XetToken(s.repos[who], "write"); return a })
	for _, x := range s.xet.Xorbs {
		ok = ok && s.until(func() crash.Answer { return c.PutXorb(token, x.Hash.String(), x.Body) })
	}
	if ok && s.until(func() crash.Answer { return c.PutShard(token, s.xet.Bytes()) }) {
		s.acknowledge(who, fmt.Sprintf("xet%02d.bin", i), s.xetSHA)
	}
}

func (s *small) acknowledge(who int, path, sha string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.up++
	s.sent[who][path] = sha
}

func (s *small) download(i int) {
	if s.until(func() crash.Answer { return s.read("admin/small/resolve/main/down.bin", s.clients[0].Token, s.down) }) {
		s.mu.Lock()
		s.tally.down++
		s.mu.Unlock()
	}
}

// read downloads and compares without holding more than a buffer. Wrong bytes fail the test.
func (s *small) read(path, token, want string) crash.Answer {
	req, err := http.NewRequest(http.MethodGet, s.clients[0].URL+"/"+path, nil)
	if err != nil {
		return crash.Answer{Err: err}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := manyClients.Do(req)
	if err != nil {
		return crash.Answer{Err: err}
	}
	defer resp.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, resp.Body)
	a := crash.Answer{Status: resp.StatusCode, Header: resp.Header, Err: err}
	if a.OK() && err == nil && (n != s.size || hex.EncodeToString(sum.Sum(nil)) != want) {
		s.t.Errorf("%s: wrong bytes", path)
	}
	return a
}

// until repeats what the hub is too busy for, as clients do: after the time that it says, for an hour.
func (s *small) until(do func() crash.Answer) bool {
	for begun := time.Now(); time.Since(begun) < time.Hour; {
		a := do()
		if a.Err == nil && a.OK() {
			return true
		}
		wait := time.Second
		s.mu.Lock()
		switch {
		case a.Err != nil:
			s.tally.cut++
		case a.Status == http.StatusServiceUnavailable || a.Status == http.StatusTooManyRequests:
			s.tally.refused++
			secs, err := strconv.Atoi(a.Header.Get("Retry-After"))
			if err != nil {
				s.t.Errorf("refused without saying when to come back: %s", a)
			}
			wait = time.Duration(secs) * time.Second
		default:
			s.mu.Unlock()
			s.t.Errorf("neither done nor told to come back: %s", a)
			return false
		}
		s.mu.Unlock()
		if a.Err != nil && s.tooMany() {
			s.t.Errorf("connections break: %v", a.Err)
			return false
		}
		time.Sleep(wait) // what the hub or any client says
	}
	s.t.Error("nothing was done in an hour")
	return false
}

func (s *small) tooMany() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tally.cut > 200
}

// commit names all that one of the users has sent.
func (s *small) commit(who int) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	_ = enc.Encode(map[string]any{"key": "header", "value": map[string]any{"summary": "large"}})
	for path, sha := range s.sent[who] {
		_ = enc.Encode(map[string]any{"key": "lfsFile", "value": map[string]any{"path": path, "algo": "sha256", "oid": sha, "size": s.size}})
	}
	repo := []string{"admin/small", "second/small"}[who]
	if a := s.clients[who].Do(http.MethodPost, "/api/models/"+repo+"/commit/main", b.Bytes(), "Content-Type", "application/x-ndjson"); !a.OK() {
		s.t.Fatal(a)
	}
}

// check names what was acknowledged, reads some of it as a client does, and has fsck read all.
func (s *small) check(t *testing.T, h *crash.Hub) {
	t.Helper()
	for who, c := range s.clients {
		s.commit(who)
		files, found, err := c.Tree(s.repos[who], "main")
		if err != nil || !found {
			t.Fatal(err)
		}
		some := 2
		for path, sha := range s.sent[who] {
			if f := files[path]; f.Size != s.size || f.LFS == nil || f.LFS.OID != sha {
				t.Errorf("%s: not as it was sent: %+v", path, f)
			}
			if some--; some >= 0 {
				s.until(func() crash.Answer {
					return s.read([]string{"admin", "second"}[who]+"/small/resolve/main/"+path, c.Token, sha)
				})
			}
		}
		for _, w := range c.Complaints() {
			t.Error(w)
		}
	}
	if out, err := h.Try("fsck", "--read-data"); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}

// group is a control group with a limit of memory, of either version.
type group struct {
	dir string
	two bool // version 2
}

// newGroup needs root, and a mounted hierarchy that bounds memory.
func newGroup(t *testing.T, limit int64) *group {
	g := &group{dir: "/sys/fs/cgroup/memory"}
	limits := "memory.limit_in_bytes"
	if b, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil && strings.Contains(string(b), "memory") {
		g.dir, g.two, limits = "/sys/fs/cgroup", true, "memory.max"
		_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0) // it may be so already
	}
	g.dir = filepath.Join(g.dir, fmt.Sprintf("cairn-torture-%d", os.Getpid()))
	err := os.Mkdir(g.dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(g.dir, limits), []byte(strconv.FormatInt(limit, 10)), 0)
	}
	if err != nil {
		t.Fatalf("a control group that bounds memory is needed: run this as root on a Linux with cgroups, version 1 or 2, below /sys/fs/cgroup (%v)", err)
	}
	t.Cleanup(func() { // after the hub has ended
		for range 100 {
			if err = os.Remove(g.dir); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // until the kernel has taken leave of the processes
		}
		t.Errorf("the control group stays: %v", err)
	})
	return g
}

// under is how a program is run in the group.
func (g *group) under() []string {
	return []string{"/bin/sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs")}
}

// number reads memory.NAME, or 0.
func (g *group) number(one, two string) int64 {
	if g.two {
		one = two
	}
	b, _ := os.ReadFile(filepath.Join(g.dir, "memory."+one))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

func (g *group) event(file, name string) int64 {
	b, _ := os.ReadFile(filepath.Join(g.dir, file))
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

func (g *group) kills() int64 {
	if g.two {
		return g.event("memory.events", "oom_kill")
	}
	return g.event("memory.oom_control", "oom_kill")
}

// hits is how often something had to be reclaimed because of the limit.
func (g *group) hits() int64 {
	if g.two {
		return g.event("memory.events", "max")
	}
	return g.number("failcnt", "")
}
