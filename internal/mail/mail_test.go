package mail_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/mail"
	"github.com/cairnhub/cairn/internal/mail/mailtest"
)

const from = "Our Hub <hub@example.org>"

func TestSMTPDoors(t *testing.T) {
	for name, o := range map[string]mailtest.Options{
		"starttls": {}, "starttls and login": {Login: true}, "tls": {Implicit: true}, "tls and login": {Implicit: true, Login: true}, "clear": {Clear: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mailtest.New(t, o)
			s, err := mail.NewSMTP(srv.URL(), from)
			if err != nil {
				t.Fatal(err)
			}
			text := "Grüße,\n\nhttps://hub.example.org/verify?code=abc=3D\n.\nend\n" + strings.Repeat("long ", 300)
			if err := s.Send(t.Context(), mail.Message{To: "ann@example.com", Subject: "Bestätigen", Text: text}); err != nil {
				t.Fatal(err)
			}
			m := srv.Wait(1)[0]
			if m.To != "ann@example.com" || m.From != "hub@example.org" || m.Subject != "Bestätigen" || strings.TrimRight(m.Text, "\n") != strings.TrimRight(text, "\n") {
				t.Errorf("%+v", m)
			}
			if m.Header.Get("From") != `"Our Hub" <hub@example.org>` || m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Message-Id") == "" || m.Header.Get("Date") == "" {
				t.Errorf("headers %v", m.Header)
			}
		})
	}
}

// A server that cannot prove itself, or cannot protect the connection, gets nothing.
func TestSMTPInsistsOnTLS(t *testing.T) {
	plain, other := mailtest.New(t, mailtest.Options{Clear: true}), mailtest.New(t, mailtest.Options{})
	for name, address := range map[string]string{
		"no STARTTLS":         strings.TrimSuffix(plain.URL(), "?tls=none"),
		"unknown certificate": other.URL()[:strings.Index(other.URL(), "?")],
	} {
		s, err := mail.NewSMTP(address, from)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), mail.Message{To: "ann@example.com", Subject: "x", Text: "x"}); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	if len(plain.Mails())+len(other.Mails()) != 0 {
		t.Error("something came")
	}
}

func TestNewSMTPRefuses(t *testing.T) {
	for _, c := range [][2]string{
		{"", from}, {"http://host", from}, {"smtp://", from}, {"smtp://host:99999", from}, {"smtp://user@host", from}, {"smtp://user:p@host?tls=none", from},
		{"smtp://host?tls=maybe", from}, {"smtps://host?tls=none", from}, {"smtp://host?ca=/does/not/exist", from}, {"smtp://host", ""}, {"smtp://host", "nobody"},
		{"smtp://host", "a@b.example\r\nBcc: c@d.example"},
	} {
		if _, err := mail.NewSMTP(c[0], c[1]); err == nil {
			t.Errorf("%q %q was taken", c[0], c[1])
		}
	}
}

// Nothing that somebody types becomes a header, a second recipient or a command of SMTP.
func TestHeaderInjectionRefused(t *testing.T) {
	srv := mailtest.New(t, mailtest.Options{Clear: true})
	d := dbtest.New(t, db.SQLite)
	out := mail.New(jobs.New(d, jobs.Options{}), mail.Options{Sender: smtpOf(t, srv)})
	for _, m := range []mail.Message{
		{To: "a@example.com\r\nBcc: b@example.com", Subject: "x", Text: "x"}, {To: "a@example.com,b@example.com", Subject: "x", Text: "x"},
		{To: "Ann <a@example.com>", Subject: "x", Text: "x"}, {To: "a@example.com>\r\nRCPT TO:<b@example.com", Subject: "x", Text: "x"}, {To: "", Subject: "x", Text: "x"},
		{To: "a@example.com", Subject: "x\r\nBcc: b@example.com", Text: "x"}, {To: "a@example.com", Subject: "x\nX-Y: z", Text: "x"}, {To: "a@example.com", Subject: "x\u2028y", Text: "x"},
		{To: "a@example.com", Subject: "", Text: "x"}, {To: "a@example.com", Subject: "x", Text: ""}, {To: "a@example.com", Subject: "x", Text: "x\x00"},
		{To: "a@example.com", Subject: "x", Text: strings.Repeat("x", 65<<10)}, {To: strings.Repeat("a", 260) + "@example.com", Subject: "x", Text: "x"},
	} {
		if err := out.Enqueue(t.Context(), d, m); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q %q: %v", m.To, m.Subject, err)
		}
	}
	if err := out.Send(t.Context(), mail.Message{To: "a@example.com", Subject: "Bcc: b@example.com", Text: "\r\n.\r\nMAIL FROM:<x@example.com>\r\n"}); err != nil {
		t.Fatal(err)
	}
	if m := srv.Wait(1); len(m) != 1 || m[0].To != "a@example.com" || m[0].Header.Get("Bcc") != "" {
		t.Errorf("%+v", m)
	}
}

func TestOutboxLivesAndDiesWithItsTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		srv := mailtest.New(t, mailtest.Options{})
		q := jobs.New(d, jobs.Options{})
		out := mail.New(q, mail.Options{Sender: smtpOf(t, srv)})
		for to, fail := range map[string]error{"kept@example.com": nil, "lost@example.com": errors.New("rolled back")} {
			_ = d.Tx(t.Context(), func(tx *db.Tx) error {
				return errors.Join(out.Enqueue(t.Context(), tx, mail.Message{To: to, Subject: "x", Text: "x"}), fail)
			})
		}
		if _, err := q.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m := srv.Mails(); len(m) != 1 || m[0].To != "kept@example.com" {
			t.Errorf("%+v", m)
		}
	})
}

// A mailbox that is refused for good is not tried again; one that is refused for now is; a message that is too old
// to be of use is dropped.
func TestOutboxRetries(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	busy := true
	srv := mailtest.New(t, mailtest.Options{Refuse: func(rcpt string) error {
		switch {
		case strings.HasPrefix(rcpt, "gone"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
		case strings.HasPrefix(rcpt, "busy") && busy:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "come back"}
		}
		return nil
	}})
	now := time.Now()
	clock := func() time.Time { return now }
	q := jobs.New(d, jobs.Options{Now: clock, Log: slog.New(slog.DiscardHandler)})
	out := mail.New(q, mail.Options{Sender: smtpOf(t, srv), Now: clock, Log: slog.New(slog.DiscardHandler)})
	for _, m := range []mail.Message{{To: "gone@example.com"}, {To: "busy@example.com"}, {To: "late@example.com", Until: now.Add(-time.Second)}} {
		m.Subject, m.Text = "x", "x"
		if err := out.Enqueue(t.Context(), d, m); err != nil {
			t.Fatal(err)
		}
	}
	run := func() jobs.Stats {
		if _, err := q.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := run(); st.Waiting != 1 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	busy, now = false, now.Add(time.Hour)
	if st := run(); st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
	if m := srv.Mails(); len(m) != 1 || m[0].To != "busy@example.com" {
		t.Errorf("%+v", m)
	}
}

// Without a server the log says what nobody was sent, link and all.
func TestLogTellsTheLink(t *testing.T) {
	var log bytes.Buffer
	d := dbtest.New(t, db.SQLite)
	q := jobs.New(d, jobs.Options{})
	out := mail.New(q, mail.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if out.Delivers() {
		t.Error("it says that it delivers")
	}
	if err := out.Enqueue(context.Background(), d, mail.Message{To: "ann@example.com", Subject: "Reset", Text: "https://hub.example.org/reset?code=abc"}); err != nil {
		t.Fatal(err)
	}
	if _, err := q.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no e-mail was sent", "CAIRN_SMTP_URL", "ann@example.com", "https://hub.example.org/reset?code=abc"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %s", want, &log)
		}
	}
}

func smtpOf(t *testing.T, srv *mailtest.Server) *mail.SMTP {
	t.Helper()
	s, err := mail.NewSMTP(srv.URL(), from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What waits in the queue holds no link that opens anything; any node with the hub's key can send it, and no other text in
// its place.
func TestS14QueuedTextIsSealed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := bytes.Repeat([]byte{7}, 32)
		var log bytes.Buffer
		node := func() (*mail.Outbox, *jobs.Queue) {
			q := jobs.New(d, jobs.Options{Log: slog.New(slog.DiscardHandler)})
			b := mail.New(q, mail.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err := b.Seal(key); err != nil {
				t.Fatal(err)
			}
			return b, q
		}
		first, _ := node()
		if err := first.Enqueue(t.Context(), d, mail.Message{To: "ann@example.com", Subject: "Link", Text: "https://hub/reset?code=abcdef"}); err != nil {
			t.Fatal(err)
		}
		var waiting string
		if err := d.Get(t.Context(), &waiting, `SELECT payload FROM job`); err != nil || !strings.Contains(waiting, "ann@example.com") || strings.Contains(waiting, "abcdef") {
			t.Errorf("%v: %s", err, waiting)
		}
		if _, err := d.Exec(t.Context(), `INSERT INTO job (kind, dedup_key, payload, run_at) VALUES ('mail.send', '', ?, 0)`, strings.Replace(waiting, "ann@", "eve@", 1)); err != nil {
			t.Fatal(err)
		}
		_, q := node()
		if _, err := q.RunDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if said := log.String(); !strings.Contains(said, "abcdef") || strings.Contains(said, "eve@") {
			t.Errorf("sent: %s", said)
		}
	})
}
