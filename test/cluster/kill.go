package cluster

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

// Kills end nodes without warning, one after the other, while clients work through the balancer.
type Kills struct {
	Time  time.Duration
	Every time.Duration
}

// Run fails the test for what is lost or wrong, and for what a stock client's own retries do not get over: only a commit or
// a deletion that was on its way to the node that died may have an unknown outcome, and then it was done wholly or not at all.
func (k Kills) Run(t *testing.T, c *Cluster) {
	client, l := c.Client(), c.Ledger(t)
	was := l.Figures
	ctx, stop := context.WithTimeout(context.Background(), k.Time)
	defer stop()
	var load sync.WaitGroup
	load.Go(func() { c.load(ctx, t, client) })
	var reads atomic.Int64
	load.Go(func() { readBack(ctx, t, client, l, &reads) })
	kills := 0
	rng := rand.New(rand.NewPCG(5, 5))
	for ; ctx.Err() == nil; kills++ {
		wait(ctx, k.Every)
		n := 1 + rng.IntN(Nodes)
		c.Node(t, n, "kill")
		wait(ctx, k.Every/5)
		c.Node(t, n, "start")
		c.Await(t, n)
	}
	load.Wait()
	for n := 1; n <= Nodes; n++ {
		c.Await(t, n)
	}
	for _, w := range append(l.Check(client, true), client.Complaints()...) {
		t.Error(w)
	}
	if l.Acknowledged == was.Acknowledged || reads.Load() == 0 || kills == 0 {
		t.Error("there was no load")
	}
	checkSchedules(t, c)
	t.Logf("%d nodes killed in %s: %d operations acknowledged with %d files, lost 0, wrong 0; %d reads during the kills; %d operations had no answer (done %d, not done %d), %d refused",
		kills, k.Time, l.Acknowledged-was.Acknowledged, l.Files-was.Files, reads.Load(), l.Opened-was.Opened, l.Done-was.Done, l.Undone-was.Undone, l.Refused-was.Refused)
}

// readBack reads what was acknowledged while nodes die.
func readBack(ctx context.Context, t *testing.T, c *crash.Client, l *crash.Ledger, reads *atomic.Int64) {
	for ctx.Err() == nil {
		key, want, ok := l.Any("large")
		if !ok {
			wait(ctx, 10*time.Millisecond)
			continue
		}
		a := c.Resolve(key.Repo, key.Branch, key.Path)
		switch {
		case !a.OK():
			t.Errorf("%s cannot be read, for all retries: %s", key, a)
		case crash.SHA(a.Body) != want.SHA:
			t.Errorf("wrong bytes: %s", key)
		}
		reads.Add(1)
	}
}

// checkSchedules: what is to be done now and then is one row of the queue for all nodes, taken by a lease that a dead node
// does not renew. A node that started while others ran, or died at work, has neither doubled nor lost one.
func checkSchedules(t *testing.T, c *Cluster) {
	t.Helper()
	d := c.openDB(t)
	var rows []struct {
		Kind string
		N    int
	}
	if err := d.Select(context.Background(), &rows, "SELECT kind, COUNT(*) AS n FROM job WHERE kind LIKE 'every:%' AND failed_at IS NULL GROUP BY kind"); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 5 {
		t.Errorf("%d schedules are left: %+v", len(rows), rows)
	}
	for _, r := range rows {
		if r.N != 1 {
			t.Errorf("%s is scheduled %d times", r.Kind, r.N)
		}
	}
}
