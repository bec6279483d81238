package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/testhub/program"
)

// Rounds kills a hub again and again.
type Rounds struct {
	Kills int
	Least time.Duration // shortest load before a kill
	Most  time.Duration // longest
	// AllEvery is after how many rounds all files are read, not only the new ones; 0: at the end only.
	AllEvery int
	// Seed makes the moments of the kills repeatable; the moments within the hub are not.
	Seed uint64
}

// Result is what the rounds found.
type Result struct {
	Ledger   *Ledger
	Restarts []time.Duration
}

// Run does the rounds on a hub that is not running, fails the test for whatever is lost, half visible, wrong, left over
// or answered with an error of the server's, and leaves the hub running.
func (r Rounds) Run(t testing.TB, h *Hub) Result {
	t.Helper()
	l := NewLedger()
	out := Result{Ledger: l}
	h.MustStart(t)
	Setup(t, NewClient(h), l)
	rng := rand.New(rand.NewPCG(r.Seed, 1))
	for round := 1; round <= r.Kills; round++ {
		c := NewClient(h)
		r.loadAndKill(t, h, c, l, round, slower*(r.Least+rand.N(r.Most-r.Least)))
		complain(t, round, c.Complaints())
		if rng.IntN(8) == 0 { // the restart dies too
			if _, err := h.Begin(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
			h.Kill()
		}
		took, err := h.Start()
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		out.Restarts = append(out.Restarts, took)
		c = NewClient(h)
		complain(t, round, l.Check(c, round == r.Kills || r.AllEvery > 0 && round%r.AllEvery == 0))
		complain(t, round, c.Complaints())
		complain(t, round, condition(h))
		if round == r.Kills || round%fsckEvery == 0 {
			complain(t, round, h.Fsck())
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	return out
}

// fsckEvery is after how many rounds everything stored is proven, down to the last byte.
const fsckEvery = 20

// slower is how many times as long a load lasts under the race detector, to get as far.
var slower = map[bool]time.Duration{false: 1, true: 5}[program.Raced]

// Fsck is what cairn fsck complains about, beside the running hub.
func (h *Hub) Fsck() (wrong []string) {
	out, err := h.Try("fsck", "--read-data", "--sha256")
	if err == nil {
		return nil
	}
	return []string{"fsck: " + err.Error() + "\n" + out}
}

func (r Rounds) loadAndKill(t testing.TB, h *Hub, c *Client, l *Ledger, round int, after time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); Load(ctx, t, c, l, round) }()
	time.Sleep(after)
	h.Kill()
	stop()
	<-done
}

func complain(t testing.TB, round int, wrong []string) {
	t.Helper()
	for i, w := range wrong {
		if i == 20 {
			t.Errorf("round %d: and %d more", round, len(wrong)-i)
			return
		}
		t.Errorf("round %d: %s", round, w)
	}
}

// condition looks for temporary files of dead processes, for damage in the database, and for changes without their events
// or events without their changes.
func condition(h *Hub) (wrong []string) {
	old, err := h.Leftovers()
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, path := range old {
		wrong = append(wrong, "left over: "+path)
	}
	if err := h.CheckSQLite(); err != nil {
		wrong = append(wrong, err.Error())
	}
	return append(wrong, h.CheckAudit()...)
}

// CheckSQLite looks for damage in the hub's database, beside the running hub, when it is in the data folder.
func (h *Hub) CheckSQLite() error {
	if slices.ContainsFunc(h.env, func(s string) bool { return strings.HasPrefix(s, "CAIRN_DATABASE_URL=") }) {
		return nil
	}
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite:"+h.Data+"/cairn.db")
	if err != nil {
		return err
	}
	defer d.Close()
	var said string
	if err := d.Get(ctx, &said, "PRAGMA integrity_check"); err != nil {
		return err
	}
	var orphans int
	if err := d.Get(ctx, &orphans, "SELECT COUNT(*) FROM pragma_foreign_key_check"); err != nil {
		return err
	}
	if said != "ok" || orphans > 0 {
		return fmt.Errorf("the database is damaged: %s, %d broken references", said, orphans)
	}
	return nil
}

// Add counts another result in.
func (r *Result) Add(o Result) {
	r.Restarts = append(r.Restarts, o.Restarts...)
	if r.Ledger == nil {
		r.Ledger = NewLedger()
	}
	a, b := &r.Ledger.Figures, &o.Ledger.Figures
	a.Acknowledged, a.Files, a.Opened = a.Acknowledged+b.Acknowledged, a.Files+b.Files, a.Opened+b.Opened
	a.Done, a.Undone, a.Refused = a.Done+b.Done, a.Undone+b.Undone, a.Refused+b.Refused
}

// String are the figures of the rounds.
func (r Result) String() string {
	slices.Sort(r.Restarts)
	l := &r.Ledger.Figures
	return fmt.Sprintf("kills %d, operations acknowledged %d with %d files, open at a kill %d (done %d, not done %d), refused %d, lost 0, restart p50 %d ms, max %d ms",
		len(r.Restarts), l.Acknowledged, l.Files, l.Opened, l.Done, l.Undone, l.Refused,
		r.Restarts[len(r.Restarts)/2].Milliseconds(), r.Restarts[len(r.Restarts)-1].Milliseconds())
}
