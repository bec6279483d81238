package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// sendTime bounds one delivery, from dialing to the last answer.
const sendTime = 30 * time.Second

// SMTP sends through a server.
type SMTP struct {
	host    string
	from    netmail.Address
	options []gomail.Option
}

// NewSMTP reads the server's address: smtp://user:password@host:587 speaks STARTTLS and insists on it,
// smtps://user:password@host:465 speaks TLS from the start. ?tls=none sends in the clear, for a relay on the same
// machine; a password is then refused. ?ca=/path/to/ca.pem trusts one authority instead of the system's. from is what
// stands in From, with or without a name.
func NewSMTP(address, from string) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return nil, errors.New("smtp-url: write it like smtp://user:password@host:587 or smtps://user:password@host:465")
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil || CheckAddress(sender.Address) != nil {
		return nil, fmt.Errorf("mail-from: %q is not an e-mail address: write it like hub@example.org or Hub <hub@example.org>", from)
	}
	s := &SMTP{host: u.Hostname(), from: *sender, options: []gomail.Option{gomail.WithTimeout(sendTime)}}
	clear, err := s.secure(u)
	if err != nil {
		return nil, err
	}
	if err := s.port(u); err != nil {
		return nil, err
	}
	return s, s.login(u, clear)
}

// secure chooses how the connection is protected.
func (s *SMTP) secure(u *url.URL) (clear bool, err error) {
	conf := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if ca := u.Query().Get("ca"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return false, fmt.Errorf("smtp-url: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return false, fmt.Errorf("smtp-url: %s holds no certificate in PEM form", ca)
		}
	}
	s.options = append(s.options, gomail.WithTLSConfig(conf))
	switch mode := u.Query().Get("tls"); {
	case u.Scheme == "smtps" && mode == "":
		s.options = append(s.options, gomail.WithSSL())
	case u.Scheme == "smtp" && mode == "":
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case u.Scheme == "smtp" && mode == "none":
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
		return true, nil
	default:
		return false, errors.New("smtp-url: it begins with smtp:// (STARTTLS; ?tls=none for none) or smtps:// (TLS from the start)")
	}
	return false, nil
}

func (s *SMTP) port(u *url.URL) error {
	port := map[string]int{"smtp": 587, "smtps": 465}[u.Scheme]
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("smtp-url: %q is not a port", p)
		}
		port = n
	}
	s.options = append(s.options, gomail.WithPort(port))
	return nil
}

func (s *SMTP) login(u *url.URL, clear bool) error {
	if u.User == nil {
		return nil
	}
	password, ok := u.User.Password()
	if !ok || u.User.Username() == "" {
		return errors.New("smtp-url: a login needs a user and a password: smtp://user:password@host:587, with special characters as %40 and the like")
	}
	if clear {
		return errors.New("smtp-url: a password is not sent without TLS: leave out ?tls=none, or the login")
	}
	s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	return nil
}

// Send delivers one message over a connection of its own: a hub sends few.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.FromFormat(s.from.Name, s.from.Address); err != nil {
		return err
	}
	if err := msg.To(m.To); err != nil {
		return err
	}
	msg.Subject(m.Subject)
	if _, domain, _ := strings.Cut(s.from.Address, "@"); m.ID == "" {
		msg.SetMessageID()
	} else {
		msg.SetMessageIDWithValue(m.ID + "@" + domain)
	}
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office answers, please
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	c, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if err := c.DialWithContext(ctx); err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // the server has answered for the message: a goodbye that fails changes nothing
	return c.Send(msg)
}

// isPermanent reports whether the server refused this recipient or this message for good: trying again changes nothing.
// A refused login or sender is the operator's to mend, so it is not permanent.
func isPermanent(err error) bool {
	var e *gomail.SendError
	if !errors.As(err, &e) || e.IsTemp() || e.ErrorCode() < 500 {
		return false
	}
	return e.Reason == gomail.ErrSMTPRcptTo || e.Reason == gomail.ErrSMTPData || e.Reason == gomail.ErrSMTPDataClose
}
