// Package mailtest runs an SMTP server for tests: a real one, with TLS and logins, that keeps what it is sent. It knows
// nothing of the hub.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The login that the server takes.
const (
	User     = "hub@example.org"
	Password = "s3cret/of:the hub"
)

// Mail is a message as it arrived.
type Mail struct {
	From, To string // of the envelope
	Header   netmail.Header
	Subject  string
	Text     string
	Raw      string
}

// Link is the first URL in the text that begins with prefix.
func (m Mail) Link(prefix string) string {
	for word := range strings.FieldsSeq(m.Text) {
		if strings.HasPrefix(word, prefix) {
			return word
		}
	}
	return ""
}

// Options choose what the server speaks.
type Options struct {
	Implicit bool                    // TLS from the start instead of STARTTLS
	Clear    bool                    // no TLS at all
	Login    bool                    // only who signed in may send
	Refuse   func(rcpt string) error // what RCPT answers
	Taken    func(Mail)              // called with each mail that is kept, before the client is told so
}

// Server is a running SMTP server.
type Server struct {
	t    testing.TB
	o    Options
	addr string
	ca   string // file of its certificate

	mu    sync.Mutex
	mails []Mail
	came  chan struct{} // closed and replaced with each mail
}

// New starts a server, which ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, o: o, came: make(chan struct{})}
	cert := s.certificate()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	srv.Domain, srv.ErrorLog = "localhost", silent{}
	srv.ReadTimeout, srv.WriteTimeout = 30*time.Second, 30*time.Second
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	switch {
	case o.Implicit:
		ln = tls.NewListener(ln, conf)
	case !o.Clear:
		srv.TLSConfig = conf
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

// URL is the server's address as the hub's setting smtp-url takes it.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.addr}
	q := url.Values{}
	if s.o.Implicit {
		u.Scheme = "smtps"
	}
	if s.o.Clear {
		q.Set("tls", "none")
	} else {
		q.Set("ca", s.ca)
	}
	if s.o.Login {
		u.User = url.UserPassword(User, Password)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Wait returns the mails once there are n, and fails the test when they do not come.
func (s *Server) Wait(n int) []Mail {
	s.t.Helper()
	late := time.After(time.Minute)
	for {
		s.mu.Lock()
		mails, came := append([]Mail(nil), s.mails...), s.came
		s.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-came:
		case <-late:
			s.t.Fatalf("%d mails came, not %d", len(mails), n)
		}
	}
}

// Mails are those that came so far.
func (s *Server) Mails() []Mail { return s.Wait(0) }

func (s *Server) certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.ca = filepath.Join(s.t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

type session struct {
	s        *Server
	signedIn bool
	mail     Mail
}

func (c *session) AuthMechanisms() []string {
	if !c.s.o.Login {
		return nil
	}
	return []string{sasl.Plain}
}

func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return errors.New("wrong login")
		}
		c.signedIn = true
		return nil
	}), nil
}

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if c.s.o.Login && !c.signedIn {
		return smtp.ErrAuthRequired
	}
	c.mail = Mail{From: from}
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if c.s.o.Refuse != nil {
		if err := c.s.o.Refuse(to); err != nil {
			return err
		}
	}
	if c.mail.To != "" {
		c.s.t.Errorf("a mail for %s goes to %s as well", c.mail.To, to)
	}
	c.mail.To = to
	return nil
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := c.mail
	m.Raw = string(raw)
	msg, err := netmail.ReadMessage(strings.NewReader(m.Raw))
	if err != nil {
		return err
	}
	m.Header = msg.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return err
	}
	body := msg.Body
	if msg.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	m.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	c.s.keep(m)
	if c.s.o.Taken != nil {
		c.s.o.Taken(m)
	}
	return nil
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	close(s.came)
	s.came = make(chan struct{})
}

func (c *session) Reset()        { c.mail = Mail{} }
func (c *session) Logout() error { return nil }

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}
