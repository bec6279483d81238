package sshd_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// authority is one that signs certificates, and a hub that trusts another.
func authority(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pub")
	if err := os.WriteFile(file, ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer, file
}

func TestCertificates(t *testing.T) {
	ca, file := authority(t)
	foreign, _ := authority(t)
	h := testhub.New(t, func(c *config.Config) { c.SSHCAKeys = file })
	alice := h.User("alice")
	h.User("bob")
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	addr, _ := h.SSH()
	key := h.NewKey()
	registered, _ := h.AddKey(alice)
	now := uint64(time.Now().Unix())
	u, err := h.App.Accounts().Get(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	signed := func(by ssh.Signer, k testhub.Key, change func(*ssh.Certificate)) ssh.Signer {
		t.Helper()
		cert := &ssh.Certificate{Key: k.Signer.PublicKey(), CertType: ssh.UserCert, KeyId: "laptop", ValidPrincipals: []string{"alice"}, ValidAfter: now - 60, ValidBefore: now + 3600}
		if change != nil {
			change(cert)
		}
		if err := cert.SignCert(rand.Reader, by); err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewCertSigner(cert, k.Signer)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	option := func(name, value string) func(*ssh.Certificate) {
		return func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{name: value} }
	}
	for _, row := range []struct {
		name   string
		signer ssh.Signer
		ok     bool
	}{
		{"valid", signed(ca, key, nil), true},
		{"with git beside the user", signed(ca, key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"git", "alice"} }), true},
		{"without an end", signed(ca, key, func(c *ssh.Certificate) { c.ValidBefore = ssh.CertTimeInfinity }), true},
		{"from an allowed address", signed(ca, key, option("source-address", "127.0.0.0/8")), true},
		{"an expired certificate", signed(ca, key, func(c *ssh.Certificate) { c.ValidBefore = now - 1 }), false},
		{"not valid yet", signed(ca, key, func(c *ssh.Certificate) { c.ValidAfter = now + 60 }), false},
		{"a foreign CA's certificate", signed(foreign, key, nil), false},
		{"a foreign CA's certificate on a registered key", signed(foreign, registered, nil), false},
		{"signed by itself", signed(key.Signer, key, nil), false},
		{"from another address", signed(ca, key, option("source-address", "192.0.2.0/24")), false},
		{"with a forced command", signed(ca, key, option("force-command", "true")), false},
		{"with an unknown critical option", signed(ca, key, option("made-up", "")), false},
		{"without a principal", signed(ca, key, func(c *ssh.Certificate) { c.ValidPrincipals = nil }), false},
		{"of git alone", signed(ca, key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"git"} }), false},
		{"of two users", signed(ca, key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice", "bob"} }), false},
		{"of an unknown user", signed(ca, key, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"nobody-here"} }), false},
		{"of a host", signed(ca, key, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }), false},
	} {
		c, err := dial(addr, row.signer)
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
		if err != nil {
			continue
		}
		if got := run(t, c, "git-upload-pack alice/m", "0000", "GIT_PROTOCOL=version=2"); got.status != 0 {
			t.Errorf("%s: %+v", row.name, got)
		}
		_ = c.Close()
	}

	short := mustDial(t, addr, signed(ca, key, func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Unix()) + 5 }))
	if got := run(t, short, "git-upload-pack alice/m", "0000"); got.status != 0 {
		t.Errorf("before the end: %+v", got)
	}
	got := run(t, short, "git-upload-pack alice/m", "0000")
	for start := time.Now(); got.status == 0 && time.Since(start) < patience; time.Sleep(100 * time.Millisecond) {
		got = run(t, short, "git-upload-pack alice/m", "0000")
	}
	if got.status != 1 || got.out != "" {
		t.Errorf("a certificate that ended on an open connection: %+v", got)
	}
	long := mustDial(t, addr, signed(ca, key, nil))
	if err := h.App.Accounts().Disable(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if got := run(t, long, "git-upload-pack alice/m", "0000"); got.status != 1 || got.out != "" {
		t.Errorf("a disabled user's certificate: %+v", got)
	}
	if _, err := dial(addr, signed(ca, key, nil)); err == nil {
		t.Error("a disabled user's certificate is let in")
	}
}

// A certificate that counts from some addresses became a credential that counted from all.
func TestSourceAddressIsNotLostOverHTTP(t *testing.T) {
	ca, file := authority(t)
	h := testhub.New(t, func(c *config.Config) { c.SSHCAKeys = file })
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", true)
	addr, _ := h.SSH()
	key := h.NewKey()
	with := func(options map[string]string) *ssh.Client {
		t.Helper()
		cert := &ssh.Certificate{Key: key.Signer.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"alice"}, ValidBefore: ssh.CertTimeInfinity}
		cert.CriticalOptions = options
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewCertSigner(cert, key.Signer)
		if err != nil {
			t.Fatal(err)
		}
		return mustDial(t, addr, s)
	}
	held, free := with(map[string]string{"source-address": "127.0.0.0/8,::1/128"}), with(nil)
	for _, operation := range []string{"upload", "download"} {
		got := run(t, held, "git-lfs-authenticate alice/m "+operation, "")
		if got.status != 1 || got.out != "" || !strings.Contains(got.err, "source-address") || !strings.Contains(got.err, "git config lfs.url "+h.URL+"/alice/m.git/info/lfs\n") {
			t.Errorf("%s: %+v", operation, got)
		}
		if got := run(t, held, "git-lfs-authenticate alice/absent "+operation, ""); got.err != "cairn: Repository not found\n" {
			t.Errorf("%s of an absent repository: %+v", operation, got)
		}
		if got := run(t, free, "git-lfs-authenticate alice/m "+operation, ""); got.status != 0 {
			t.Errorf("%s by a certificate that counts everywhere: %+v", operation, got)
		}
	}
	for _, command := range []string{"git-upload-pack", "git-receive-pack"} {
		if got := run(t, held, command+" alice/m", "0000", "GIT_PROTOCOL=version=2"); got.status != 0 {
			t.Errorf("%s: %+v", command, got)
		}
	}
}

// Without configured authorities no certificate counts.
func TestCertificatesAreOffByDefault(t *testing.T) {
	ca, _ := authority(t)
	h := testhub.New(t)
	h.User("alice")
	addr, _ := h.SSH()
	key := h.NewKey()
	cert := &ssh.Certificate{Key: key.Signer.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"alice"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(cert, key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(addr, s); err == nil {
		t.Error("let in")
	}
}
