package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// Restarts are restarts of one hub by socket hand-over under a steady load.
type Restarts struct {
	Rate  int // requests a second
	Time  time.Duration
	Times int
}

// handOverTime bounds how long the old process may go on.
const handOverTime = 30 * time.Second

// Run fails the test for any request that fails. Whatever the outcome of a request, it is not sent again, save what Go's
// client does for every program: a GET on a kept connection that was closed.
func (r Restarts) Run(t *testing.T) {
	sshAddr := freeAddress(t)
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"), "CAIRN_SSH_LISTEN="+sshAddr)
	h.MustStart(t)
	l := crash.NewLedger()
	crash.Setup(t, crash.NewClient(h), l)
	load := &steady{h: h, l: l, ssh: newSSH(t, h, sshAddr)}
	ctx, stop := context.WithTimeout(context.Background(), r.Time)
	defer stop()
	loaded := make(chan struct{})
	go func() { defer close(loaded); load.run(ctx, r.Rate) }()
	var worst time.Duration
	for i := range r.Times {
		wait(ctx, r.Time/time.Duration(r.Times+1))
		uploads := load.uploads(t, i)
		took, err := h.HandOver(handOverTime)
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, took)
		if took > handOverTime {
			t.Errorf("the old process ended after %s", took)
		}
		for a := range uploads {
			if !a.OK() {
				t.Errorf("an upload under way: %s", a)
			}
		}
	}
	<-loaded
	for _, f := range load.failures {
		t.Error(f)
	}
	for _, w := range l.Check(crash.NewClient(h), true) {
		t.Error(w)
	}
	if load.reads.Load() == 0 || load.fresh.Load() == 0 || load.commits.Load() == 0 || load.logins.Load() == 0 {
		t.Error("a kind of request was never sent")
	}
	t.Logf("%d restarts in %s: %d reads on kept connections, %d on fresh ones, %d commits, %d by SSH, %d failed; longest until the old process was gone %d ms",
		r.Times, r.Time, load.reads.Load(), load.fresh.Load(), load.commits.Load(), load.logins.Load(), len(load.failures), worst.Milliseconds())
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// steady sends requests at a rate, however long they take.
type steady struct {
	h   *crash.Hub
	l   *crash.Ledger
	ssh *sshClient

	reads, fresh, commits, logins atomic.Int64

	mu       sync.Mutex
	failures []string
}

func (s *steady) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

func (s *steady) run(ctx context.Context, rate int) {
	kept, once := crash.NewClient(s.h), crash.NewClient(s.h)
	kept.HTTP.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	once.HTTP.Transport = &http.Transport{DisableKeepAlives: true}
	var wg sync.WaitGroup
	wg.Go(func() { s.commit(ctx, kept) })
	wg.Go(func() { s.login(ctx) })
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	slots := make(chan struct{}, 256)
	for n := 0; ctx.Err() == nil; n++ {
		<-tick.C
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if n%10 == 0 {
				s.read(once, &s.fresh)
			} else {
				s.read(kept, &s.reads)
			}
		})
	}
	wg.Wait()
}

func (s *steady) read(c *crash.Client, count *atomic.Int64) {
	if a := c.Resolve("small-0", "main", "first.txt"); !a.OK() || string(a.Body) != "first\n" {
		s.fail("a read: %s", a)
	}
	count.Add(1)
}

// commit writes all the time, and reads what it wrote at once, by another connection: it may reach another process.
func (s *steady) commit(ctx context.Context, c *crash.Client) {
	other := crash.NewClient(s.h)
	other.HTTP.Transport = &http.Transport{DisableKeepAlives: true}
	for n := 0; ctx.Err() == nil; n++ {
		f := crash.Change{Path: fmt.Sprintf("steady/%d", n), Data: fmt.Append(nil, n)}
		op := s.l.Begin(map[crash.Key]crash.Value{{Repo: "small-1", Branch: "main", Path: f.Path}: crash.FileValue(f)})
		a := c.Commit("small-1", "main", []crash.Change{f})
		s.l.End(op, a)
		if !a.OK() {
			s.fail("a commit: %s", a)
		} else if a := other.Resolve("small-1", "main", f.Path); !a.OK() {
			s.fail("a commit that was acknowledged is not there: %s", a)
		}
		s.commits.Add(1)
		wait(ctx, 20*time.Millisecond)
	}
}

func (s *steady) login(ctx context.Context) {
	for ctx.Err() == nil {
		if out, err := s.ssh.lsRemote("small-0"); err != nil {
			s.fail("git over SSH: %v\n%s", err, out)
		}
		s.logins.Add(1)
		wait(ctx, 100*time.Millisecond)
	}
}

// uploads begins slow uploads that a restart hits in their middle.
func (s *steady) uploads(t *testing.T, round int) <-chan crash.Answer {
	t.Helper()
	c := crash.NewClient(s.h)
	token, a := c.XetToken("large", "write")
	if !a.OK() {
		t.Fatal(a)
	}
	out := make(chan crash.Answer, 3)
	var wg sync.WaitGroup
	for i := range cap(out) {
		x := (&xetstoretest.Client{}).Pack(t, xetstoretest.Random(uint64(100*round+i), 2_000_000)).Xorbs[0]
		wg.Go(func() { out <- c.PutXorbSlowly(token, x.Hash.String(), x.Body, 2*time.Second) })
	}
	go func() { wg.Wait(); close(out) }()
	return out
}

// sshClient is git over SSH with a key of the administrator's.
type sshClient struct{ dir, address string }

func newSSH(t testing.TB, h *crash.Hub, address string) *sshClient {
	t.Helper()
	s := &sshClient{t.TempDir(), address}
	key := filepath.Join(s.dir, "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	h.Run(t, "", "key", "add", "admin", "--file", key+".pub")
	return s
}

func (s *sshClient) lsRemote(repo string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "ls-remote", "ssh://git@"+s.address+"/admin/"+repo)
	cmd.Env = append(os.Environ(), "GIT_SSH_COMMAND=ssh -F none -i "+filepath.Join(s.dir, "key")+
		" -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="+filepath.Join(s.dir, "known"))
	out, err := cmd.CombinedOutput()
	if err == nil && !strings.Contains(string(out), "refs/heads/main") {
		err = fmt.Errorf("no branch")
	}
	return string(out), err
}
