package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/mail/mailtest"
)

// Queue kills a hub again and again while jobs are queued and run: e-mails, which go to a server that outlives it.
type Queue struct {
	Kills int
	Most  time.Duration // longest load before a kill
	Seed  uint64
}

// Posted is what the kills showed.
type Posted struct {
	Kills, Asked, Unanswered, Mails, Repeats int
	Slowest                                  time.Duration // from a start until all that was asked for before it had come
}

// String are the figures of the rounds.
func (p Posted) String() string {
	return fmt.Sprintf("kills %d, e-mails acknowledged %d and not answered %d, sent %d, of them again %d, lost 0, the slowest %.1f s after a restart",
		p.Kills, p.Asked, p.Unanswered, p.Mails, p.Repeats, p.Slowest.Seconds())
}

// doneWithin is how long after a restart a job may be done at last.
const doneWithin = time.Minute

// mailbox is the server for the hub's mails, which can stop the hub's world with a mail that it has kept and not answered for.
type mailbox struct {
	*mailtest.Server

	mu     sync.Mutex
	kept   chan struct{} // closed by the next mail; nil: none is waited for
	answer chan struct{}
}

func newMailbox(t testing.TB) *mailbox {
	b := &mailbox{}
	b.Server = mailtest.New(t, mailtest.Options{Clear: true, Taken: func(mailtest.Mail) {
		b.mu.Lock()
		kept, answer := b.kept, b.answer
		b.kept = nil
		b.mu.Unlock()
		if kept != nil {
			close(kept)
			<-answer
		}
	}})
	return b
}

// hold has the next mail kept without an answer until let is called.
func (b *mailbox) hold() (kept <-chan struct{}, let func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept, b.answer = make(chan struct{}), make(chan struct{})
	answer := b.answer
	return b.kept, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.kept = nil
		close(answer)
	}
}

// Run does the rounds on a new hub and fails the test for a job that was acknowledged and not done within a minute of the
// restart, that nobody asked for, or that was done again under another identity. Every second kill hits a mail that has
// arrived and that the hub does not know to be sent.
func (q Queue) Run(t testing.TB, data string, env ...string) (out Posted) {
	t.Helper()
	box := newMailbox(t)
	h := NewHub(t, data, append(env, "CAIRN_SMTP_URL="+box.URL(), "CAIRN_MAIL_FROM=hub@example.org", "CAIRN_URL=https://hub.example.org")...)
	h.Listen = quietAddress(t)
	h.MustStart(t)
	if a := NewClient(h).Do(http.MethodPost, "/api/organizations", map[string]any{"name": "post"}); !a.OK() {
		t.Fatal(a)
	}
	asked := map[string]bool{} // by address: acknowledged
	rng := rand.New(rand.NewPCG(q.Seed, 1))
	for round := range q.Kills {
		q.loadAndKill(t, h, box, asked, round, rng)
		begun := time.Now()
		h.MustStart(t)
		for missing(asked, box.Mails()) != "" && time.Since(begun) < doneWithin {
			time.Sleep(20 * time.Millisecond)
		}
		if to := missing(asked, box.Mails()); to != "" {
			t.Fatalf("round %d: the mail to %s was acknowledged and has not come within %s", round, to, doneWithin)
		}
		out.Kills, out.Slowest = out.Kills+1, max(out.Slowest, time.Since(begun))
	}
	out.count(t, asked, box.Mails())
	if least := q.Kills / 2; out.Repeats < least {
		t.Errorf("%d mails came again, not %d: the kills hit nothing", out.Repeats, least)
	}
	return out
}

// quietAddress is an address that is free now and that nobody gets who asks for any port.
func quietAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// loadAndKill has mails sent until the hub is dead.
func (q Queue) loadAndKill(t testing.TB, h *Hub, box *mailbox, asked map[string]bool, round int, rng *rand.Rand) {
	t.Helper()
	forgetLimits(t, h)
	c, done := NewClient(h), make(chan struct{})
	kept, let := box.hold()
	if round%2 > 0 {
		let()
	}
	go func() {
		defer close(done)
		for n := 0; n < 40; n++ { // of 50 a day
			to := fmt.Sprintf("r%d-%d@example.org", round, n)
			a := c.Do(http.MethodPost, "/api/organizations/post/invitations", map[string]any{"role": "read", "email": to})
			asked[to] = a.OK()
			if a.Err != nil {
				return
			}
			if !a.OK() {
				t.Errorf("an invitation: %s", a)
			}
		}
	}()
	time.Sleep(time.Duration(rng.Int64N(int64(q.Most))))
	if round%2 == 0 {
		select {
		case <-kept:
		case <-time.After(doneWithin):
			t.Error("no mail comes")
		}
	}
	h.Kill()
	if round%2 == 0 {
		let()
	}
	<-done
}

// forgetLimits has the hub take as many invitations again as a user may send in a day.
func forgetLimits(t testing.TB, h *Hub) {
	t.Helper()
	ctx := context.Background()
	d, err := h.openDB(ctx)
	if err == nil {
		err = d.Tx(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM login_attempt`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `DELETE FROM org_invitation`)
			return err
		})
	}
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// missing is an address whose mail was acknowledged and is not there.
func missing(asked map[string]bool, mails []mailtest.Mail) string {
	there := map[string]bool{}
	for _, m := range mails {
		there[m.To] = true
	}
	for to, acknowledged := range asked {
		if acknowledged && !there[to] {
			return to
		}
	}
	return ""
}

// count holds each mail to what was asked for, and its repeats to be the same mail.
func (p *Posted) count(t testing.TB, asked map[string]bool, mails []mailtest.Mail) {
	t.Helper()
	first, ids := map[string]mailtest.Mail{}, []string{}
	for _, m := range mails {
		p.Mails++
		if _, known := asked[m.To]; !known {
			t.Errorf("a mail to %s, for which nobody asked", m.To)
		}
		before, again := first[m.To]
		id := m.Header.Get("Message-Id")
		switch {
		case !again:
			first[m.To] = m
			if slices.Contains(ids, id) || id == "" {
				t.Errorf("the mail to %s has the id %q", m.To, id)
			}
			ids = append(ids, id)
		case before.Header.Get("Message-Id") != id || before.Text != m.Text:
			t.Errorf("the mail to %s came again as another: %q and %q", m.To, before.Raw, m.Raw)
		}
		if again {
			p.Repeats++
		}
	}
	for _, acknowledged := range asked {
		if acknowledged {
			p.Asked++
		} else {
			p.Unanswered++
		}
	}
}
