package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/cairnhub/cairn/internal/config"
)

// scheme begins the hub's own address.
func scheme(cfg *config.Config) string {
	if cfg.TLS.Enabled() {
		return "https://"
	}
	return "http://"
}

// transport is how the hub speaks TLS itself.
type transport struct {
	config *tls.Config  // nil: it does not
	plain  http.Handler // what answers on http-listen
}

func newTransport(cfg *config.Config, log *slog.Logger) (transport, error) {
	redirect := toHTTPS(cfg)
	switch {
	case cfg.TLS.Cert != "":
		files := &certFiles{cert: cfg.TLS.Cert, key: cfg.TLS.Key, log: log, now: time.Now}
		if err := files.read(); err != nil {
			return transport{}, err
		}
		return transport{&tls.Config{GetCertificate: files.get, MinVersion: tls.VersionTLS12}, redirect}, nil
	case len(cfg.TLS.ACMEHosts) > 0:
		m, err := acmeManager(cfg)
		if err != nil {
			return transport{}, err
		}
		c := m.TLSConfig()
		c.MinVersion = tls.VersionTLS12
		return transport{c, m.HTTPHandler(redirect)}, nil
	}
	return transport{}, nil
}

// acmeManager fetches certificates when somebody first asks for a host, and renews them a month before they end.
func acmeManager(cfg *config.Config) (*autocert.Manager, error) {
	t := cfg.TLS
	authority := &acme.Client{DirectoryURL: t.ACMEDirectory, UserAgent: "cairn/" + Version}
	if t.ACMEDirectory == "" {
		authority.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if t.ACMECA != "" {
		roots, err := os.ReadFile(t.ACMECA)
		if err != nil {
			return nil, fmt.Errorf("acme-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("acme-ca: %s has no certificate in PEM", t.ACMECA)
		}
		authority.HTTPClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	}
	named := autocert.HostWhitelist(t.ACMEHosts...)
	policy := func(ctx context.Context, host string) error {
		if name, _, err := net.SplitHostPort(host); err == nil { // http-01 through another port than 80
			host = name
		}
		return named(ctx, host)
	}
	return &autocert.Manager{
		Prompt: autocert.AcceptTOS, HostPolicy: policy, Email: t.ACMEEmail,
		Cache: autocert.DirCache(filepath.Join(cfg.Data, "acme")), Client: authority,
	}, nil
}

// toHTTPS sends a browser to the same page of the hub's own address. What changes something is refused instead: its body
// has crossed the network in the clear already, and a client that is sent on would do it again each time.
func toHTTPS(cfg *config.Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "This hub is reached by https: change the address", http.StatusBadRequest)
			return
		}
		to, page := httpsBase(cfg, r.Host), r.URL.RequestURI()
		if to == "" || !strings.HasPrefix(page, "/") {
			http.Error(w, "This hub is reached by https: change the address", http.StatusBadRequest)
			return
		}
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, to+page, http.StatusFound) //nolint:gosec // the host is the one that this client asked for itself
	})
}

// httpsBase is the configured URL, else the host that was asked for, at the port that the hub listens on.
func httpsBase(cfg *config.Config, host string) string {
	if cfg.URL != "" {
		return strings.TrimSuffix(cfg.URL, "/")
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "" || strings.ContainsAny(host, "/\\@?# ") {
		return ""
	}
	if _, port, err := net.SplitHostPort(cfg.Listen); err == nil && port != "443" {
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	return "https://" + host
}

// certFiles is a certificate in files, which another program renews.
type certFiles struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	written time.Time // when the files of current were
	looked  time.Time
}

// certLook is how often the files are looked at.
const certLook = 30 * time.Second

func (f *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked).Abs() >= certLook {
		f.looked = now
		if at := f.age(); !at.Equal(f.written) {
			if err := f.load(at); err != nil { // half of a pair may be there: the next look finds both
				f.log.Error("the certificate's files changed and cannot be read: the old one is served", "error", err)
			}
		}
	}
	return f.current, nil
}

// read loads the pair for the first time.
func (f *certFiles) read() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.now()
	return f.load(f.age())
}

func (f *certFiles) load(at time.Time) error {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.current, f.written = &pair, at
	return nil
}

// age is when the younger of the two files was written.
func (f *certFiles) age() (at time.Time) {
	for _, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(at) {
			at = info.ModTime()
		}
	}
	return at
}
