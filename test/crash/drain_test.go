package crash

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

const drainTime = 30 * time.Second

// TestStopUnderLoad asks the hub to end while it works: what is under way is finished and answered, and nothing that was
// acknowledged is lost.
func TestStopUnderLoad(t *testing.T) {
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	l := NewLedger()
	h.MustStart(t)
	Setup(t, NewClient(h), l)
	var worst time.Duration
	slow := 0
	for round := 1; round <= 5; round++ {
		c := NewClient(h)
		answers := slowUploads(t, h, c, round)
		ctx, stop := context.WithCancel(context.Background())
		loaded := make(chan struct{})
		go func() { defer close(loaded); Load(ctx, t, c, l, round) }()
		time.Sleep(500 * time.Millisecond)
		took, err := h.Stop(drainTime + 5*time.Second)
		stop()
		<-loaded
		if err != nil || took > drainTime {
			t.Fatalf("round %d: the hub ended after %s: %v", round, took, err)
		}
		worst = max(worst, took)
		for a := range answers {
			if slow++; !a.OK() {
				t.Errorf("round %d: an upload under way at the end: %s", round, a)
			}
		}
		complain(t, round, c.Complaints())
		h.MustStart(t)
		complain(t, round, l.Check(NewClient(h), round == 5))
		complain(t, round, condition(h))
	}
	t.Logf("5 stops under load: %d operations acknowledged, lost 0, %d open; %d slow uploads under way, all finished; longest stop %d ms",
		l.Acknowledged, l.Opened, slow, worst.Milliseconds())
}

// slowUploads begins uploads that take some two seconds; their answers come when they are through.
func slowUploads(t *testing.T, h *Hub, c *Client, round int) <-chan Answer {
	token, a := c.XetToken(repoLarge, "write")
	if !a.OK() {
		t.Fatal(a)
	}
	answers := make(chan Answer, 4)
	var wg sync.WaitGroup
	for i := range cap(answers) {
		x := (&xetstoretest.Client{}).Pack(t, xetstoretest.Random(uint64(1000*round+i), 2_000_000)).Xorbs[0]
		u := upload{http.MethodPost, "/v1/xorbs/default/" + x.Hash.String(), token, x.Body}
		wg.Add(1)
		go func() {
			defer wg.Done()
			answers <- u.slowly(h.URL)
		}()
	}
	go func() { wg.Wait(); close(answers) }()
	return answers
}

// slowly sends the body in twenty steps.
func (u upload) slowly(hub string) Answer {
	conn, err := u.send(hub, 0)
	if err != nil {
		return Answer{Err: err}
	}
	defer conn.Close()
	for i := range 20 {
		time.Sleep(100 * time.Millisecond)
		if _, err := conn.Write(u.body[i*len(u.body)/20 : (i+1)*len(u.body)/20]); err != nil {
			return Answer{Err: err}
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: b, Err: err}
}
