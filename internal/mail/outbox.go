package mail

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/jobs"
)

const jobKind = "mail.send"

// Options are what an outbox stands on.
type Options struct {
	Sender Sender // nil: the hub has no SMTP server, and the log gets the messages
	Log    *slog.Logger
	Now    func() time.Time
}

// Outbox queues messages and has them sent.
type Outbox struct {
	jobs     *jobs.Queue
	sender   Sender
	delivers bool
	log      *slog.Logger
	now      func() time.Time
	aead     cipher.AEAD
}

// New makes the outbox and registers its job.
func New(q *jobs.Queue, o Options) *Outbox {
	b := &Outbox{jobs: q, sender: o.Sender, delivers: o.Sender != nil, log: o.Log, now: o.Now}
	if b.log == nil {
		b.log = slog.Default()
	}
	if b.now == nil {
		b.now = time.Now
	}
	if !b.delivers {
		b.sender = logSender{b.log}
	}
	own := make([]byte, 32)
	_, _ = rand.Read(own)
	_ = b.Seal(own) // the size is right
	q.Register(jobKind, b.deliver)
	return b
}

// Delivers reports whether messages reach people. Without it an address cannot prove itself.
func (b *Outbox) Delivers() bool { return b.delivers }

// Enqueue has a message sent once the transaction has committed; given a *db.DB, at once. A message may arrive twice,
// when a node dies between sending it and saying so, and then has the same Message-ID.
func (b *Outbox) Enqueue(ctx context.Context, on db.Queryer, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	return b.jobs.Enqueue(ctx, on, jobs.Job{Kind: jobKind, Payload: b.seal(m)})
}

// Send delivers a message now, for jobs of others that make their own.
func (b *Outbox) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if !m.Until.IsZero() && b.now().After(m.Until) {
		b.log.Warn("an e-mail is too old to be of use and was not sent", "to", m.To, "subject", m.Subject)
		return nil
	}
	err := b.sender.Send(ctx, m)
	if isPermanent(err) {
		b.log.Warn("an e-mail was refused for good", "to", m.To, "subject", m.Subject, "error", err)
		return nil
	}
	return errs.Wrap("mail.Send", err)
}

func (b *Outbox) deliver(ctx context.Context, payload json.RawMessage) error {
	var waiting sealed
	if err := json.Unmarshal(payload, &waiting); err != nil {
		return errs.Wrap("mail.deliver", err)
	}
	m, err := b.open(waiting)
	if err != nil {
		return errs.Wrap("mail.deliver", err)
	}
	sum := sha256.Sum256(waiting.Text) // with its nonce: of this message and of no equal one
	m.ID = hex.EncodeToString(sum[:16])
	return b.Send(ctx, m)
}

// logSender is the honest stand-in: nothing was sent, and this is what would have been.
type logSender struct{ log *slog.Logger }

func (s logSender) Send(_ context.Context, m Message) error {
	s.log.Warn("no e-mail was sent, since no SMTP server is configured (CAIRN_SMTP_URL); this is what it would have said",
		"to", m.To, "subject", m.Subject, "text", m.Text)
	return nil
}
