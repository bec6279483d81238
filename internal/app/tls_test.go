package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cairnhub/cairn/internal/config"
	built "github.com/cairnhub/cairn/internal/testhub/program"
)

// writePair makes a certificate that signs itself, and its key.
func writePair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	sheet := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, sheet, sheet, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestCertificateFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, "old.example")
	now := time.Now()
	var said bytes.Buffer
	f := &certFiles{cert: cert, key: key, log: slog.New(slog.NewTextHandler(&said, nil)), now: func() time.Time { return now }}
	if err := f.read(); err != nil {
		t.Fatal(err)
	}
	served := func() string {
		t.Helper()
		pair, err := f.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Subject.CommonName
	}
	later := now.Add(time.Minute)
	if err := os.WriteFile(cert, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	now = now.Add(certLook)
	if got := served(); got != "old.example" || !strings.Contains(said.String(), "the old one is served") {
		t.Errorf("a broken file: %s is served, log %q", got, said.String())
	}
	writePair(t, dir, "new.example")
	if err := os.Chtimes(key, later.Add(time.Minute), later.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := served(); got != "old.example" {
		t.Errorf("the files are looked at for each connection: %s", got)
	}
	now = now.Add(certLook)
	if got := served(); got != "new.example" {
		t.Errorf("renewed files: %s is served", got)
	}
}

func TestRedirectToHTTPS(t *testing.T) {
	for _, row := range []struct{ listen, url, method, host, want string }{
		{":443", "", "GET", "hub.example:80", "https://hub.example/a/b?c=d"},
		{":8443", "", "HEAD", "hub.example", "https://hub.example:8443/a/b?c=d"},
		{":8443", "", "GET", "[::1]:80", "https://[::1]:8443/a/b?c=d"},
		{":8443", "https://hub.example", "GET", "evil.example", "https://hub.example/a/b?c=d"},
		{":443", "", "POST", "hub.example", ""},
		{":443", "", "GET", "a/b", ""},
		{":443", "", "GET", "", ""},
	} {
		cfg := &config.Config{Listen: row.listen, URL: row.url}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(row.method, "/a/b?c=d", nil)
		r.Host = row.host
		toHTTPS(cfg).ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != row.want {
			t.Errorf("%+v: sent to %q with %d", row, got, w.Code)
		}
		if row.want == "" && w.Code != http.StatusBadRequest {
			t.Errorf("%+v: %d", row, w.Code)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// serveTLS runs a hub on a folder of its own until the test ends, and says what it printed at the start.
func serveTLS(t *testing.T, set map[string]string) (cfg *config.Config) {
	t.Helper()
	set["data"], set["listen"] = t.TempDir(), freePort(t)
	cfg, err := config.Load(set, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, cfg, slog.New(slog.DiscardHandler), io.Discard) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return cfg
}

// client trusts what signs by the certificates in some PEM and finds every host at one address.
func client(t *testing.T, roots []byte, address string) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		t.Fatal("no certificate to trust")
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		},
	}
}

// eventually asks until there is an answer.
func eventually(t *testing.T, c *http.Client, url string) *http.Response {
	t.Helper()
	var last error
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(50 * time.Millisecond) {
		res, err := c.Get(url)
		if err == nil {
			t.Cleanup(func() { _ = res.Body.Close() })
			return res
		}
		last = err
	}
	t.Fatalf("%s: %v", url, last)
	return nil
}

func TestServesByCertificateFiles(t *testing.T) {
	cert, key := writePair(t, t.TempDir(), "hub.example")
	plain := freePort(t)
	cfg := serveTLS(t, map[string]string{"tls-cert": cert, "tls-key": key, "http-listen": plain})
	roots, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	res := eventually(t, client(t, roots, cfg.Listen), "https://hub.example/healthz")
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d by HTTP/%d, %v", res.StatusCode, res.ProtoMajor, res.Header)
	}
	res = eventually(t, client(t, roots, plain), "http://hub.example/some/page")
	if to := res.Header.Get("Location"); !strings.HasPrefix(to, "https://hub.example:") || !strings.HasSuffix(to, "/some/page") {
		t.Errorf("sent to %q with %d", to, res.StatusCode)
	}
}

// TestACME has a real authority look at the hub before it signs: by a TLS connection (tls-alpn-01), and by plain HTTP
// (http-01) where the hub's TLS port cannot be reached.
func TestACME(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			plain := freePort(t)
			ca := &authority{dir: t.TempDir(), address: freePort(t), manage: freePort(t)}
			ca.certificate(t)
			cfg := serveTLS(t, map[string]string{"acme-hosts": "hub.example.test", "acme-email": "root@example.test",
				"acme-directory": "https://" + ca.address + "/dir", "acme-ca": filepath.Join(ca.dir, "cert.pem"), "http-listen": plain})
			_, tlsPort, _ := net.SplitHostPort(cfg.Listen)
			_, httpPort, _ := net.SplitHostPort(plain)
			if challenge == "http-01" {
				_, tlsPort, _ = net.SplitHostPort(freePort(t))
			}
			ca.start(t, tlsPort, httpPort)
			res := eventually(t, client(t, ca.roots(t), cfg.Listen), "https://hub.example.test/healthz")
			if res.StatusCode != http.StatusOK || res.TLS.PeerCertificates[0].DNSNames[0] != "hub.example.test" {
				t.Errorf("%d, %v", res.StatusCode, res.TLS.PeerCertificates[0].DNSNames)
			}
			kept, err := filepath.Glob(filepath.Join(cfg.Data, "acme", "hub.example.test*"))
			if err != nil || len(kept) == 0 {
				t.Error("the certificate is not kept for the next start")
			}
		})
	}
}

// authority is an ACME server of the test's own.
type authority struct {
	dir, address, manage string
}

func (ca *authority) certificate(t *testing.T) { writePair(t, ca.dir, "ca.example.test") }

func (ca *authority) start(t *testing.T, tlsPort, httpPort string) {
	t.Helper()
	bin, err := built.ACME.Path()
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": ca.address, "managementListenAddress": ca.manage,
		"certificate": filepath.Join(ca.dir, "cert.pem"), "privateKey": filepath.Join(ca.dir, "key.pem"),
		"httpPort": json.Number(httpPort), "tlsPort": json.Number(tlsPort),
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(ca.dir, "pebble.json")
	if err := os.WriteFile(file, settings, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-config", file, "-strict", "-dnsserver", nameServer(t))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// roots is what the authority signs by, which it makes when it starts.
func (ca *authority) roots(t *testing.T) []byte {
	t.Helper()
	own, err := os.ReadFile(filepath.Join(ca.dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	res := eventually(t, client(t, own, ca.manage), fmt.Sprintf("https://%s/roots/0", ca.manage))
	pem, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

// nameServer finds every name on this machine. The authority asks by TCP.
func nameServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerNames(conn)
		}
	}()
	return ln.Addr().String()
}

func answerNames(conn net.Conn) {
	defer conn.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		packet := make([]byte, binary.BigEndian.Uint16(length[:]))
		var q dnsmessage.Message
		if _, err := io.ReadFull(conn, packet); err != nil || q.Unpack(packet) != nil || len(q.Questions) != 1 {
			return
		}
		q.Response, q.Additionals = true, nil
		if q.Questions[0].Type == dnsmessage.TypeA {
			q.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
			}}
		}
		answer, err := q.Pack()
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}
