package mail

import (
	"context"
	netmail "net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	maxAddress = 254 // bytes
	maxSubject = 200 // bytes
	maxText    = 64 << 10
)

// Message is a plain text for one person.
type Message struct {
	To      string // one bare address
	Subject string // one line
	Text    string
	// ID is the same each time that this message is sent, so that a mailbox can tell a repeat; empty: another one each time.
	// The outbox sets it.
	ID string
	// Until is when the message is worth nothing any more, such as the end of the link in it: it is not sent after, and
	// the queue forgets it. Zero: it stays worth sending.
	Until time.Time
}

// Sender delivers a message, or tells why not. An error may be temporary: the queue tries again.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// check keeps everything out of a message that could become a header or another recipient.
func (m Message) check() error {
	if err := CheckAddress(m.To); err != nil {
		return err
	}
	if m.Subject == "" || len(m.Subject) > maxSubject || !oneLine(m.Subject) {
		return errs.New(errs.Invalid, "The subject of an e-mail must be one line of at most %d bytes", maxSubject)
	}
	if m.Text == "" || len(m.Text) > maxText || !utf8.ValidString(m.Text) || strings.ContainsRune(m.Text, 0) {
		return errs.New(errs.Invalid, "The text of an e-mail must have 1 to %d bytes of UTF-8", maxText)
	}
	return nil
}

// CheckAddress takes one bare address, as in a@example.org, and nothing around it.
func CheckAddress(address string) error {
	a, err := netmail.ParseAddress(address)
	if err != nil || a.Address != address || a.Name != "" || len(address) > maxAddress || !oneLine(address) || strings.ContainsAny(address, " ,;<>\"") {
		return errs.New(errs.Invalid, "%q is not an e-mail address", address)
	}
	return nil
}

func oneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\u2028' || c == '\u2029' || c == '\u0085' })
}
