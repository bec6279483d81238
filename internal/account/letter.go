package account

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/mail"
)

const letterJob = "account.letter"

// letter is an e-mail that is written when it is sent: what it holds a code for may have changed by then, and whoever
// asks for it learns nothing from how long that takes.
type letter struct {
	Kind string    `json:"kind"`           // verify, reset, invite
	ID   string    `json:"id,omitempty"`   // of the user or invitation
	Name string    `json:"name,omitempty"` // what somebody typed as their name or address
	At   time.Time `json:"at"`
}

// post has a letter written once the transaction has committed.
func (s *Service) post(ctx context.Context, on db.Queryer, l letter) error {
	if s.o.Jobs == nil {
		return nil // a service by itself, as in tests
	}
	l.At = s.now()
	return s.o.Jobs.Enqueue(ctx, on, jobs.Job{Kind: letterJob, Payload: l})
}

// tell writes to an address that something happened, with no link that opens anything.
func (s *Service) tell(ctx context.Context, tx *db.Tx, to, subject, text string) error {
	if s.o.Mail == nil || to == "" {
		return nil
	}
	if err := mail.CheckAddress(to); err != nil {
		return nil //nolint:nilerr // an address of an imported user that no e-mail reaches: what happened, happened
	}
	return s.o.Mail.Enqueue(ctx, tx, mail.Message{To: to, Subject: subject, Text: text + s.signature()})
}

// SendsMail reports whether letters reach people; otherwise the hub's log has them, for its operator to hand on.
func (s *Service) SendsMail() bool { return s.delivers() }

func (s *Service) delivers() bool { return s.o.Mail != nil && s.o.Mail.Delivers() }

func (s *Service) signature() string { return "\n\n-- \n" + s.siteName() + "\n" + s.o.URL + "\n" }

func (s *Service) siteName() string {
	if s.o.SiteName == "" {
		return "Cairn"
	}
	return s.o.SiteName
}

// deliver writes and sends a letter. It may run twice: the code of the later one counts.
func (s *Service) deliver(ctx context.Context, payload json.RawMessage) error {
	var l letter
	if err := json.Unmarshal(payload, &l); err != nil {
		return errs.Wrap("account.deliver", err)
	}
	var m *mail.Message
	var err error
	switch l.Kind {
	case "verify":
		m, err = s.writeVerify(ctx, l)
	case "reset":
		m, err = s.writeReset(ctx, l)
	case "invite":
		m, err = s.writeInvite(ctx, l)
	default:
		err = fmt.Errorf("a letter of the unknown kind %q", l.Kind)
	}
	if err != nil || m == nil {
		return errs.Wrap("account.deliver", err)
	}
	m.Text += s.signature()
	return s.o.Mail.Send(ctx, *m)
}
