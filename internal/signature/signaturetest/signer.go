// Package signaturetest makes keys and signs commits and tags with the programs that people use: gpg, ssh-keygen and git.
package signaturetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Signer is somebody's machine: a home with a git, keys of GnuPG and of OpenSSH, and a repository.
type Signer struct {
	t     testing.TB
	Home  string
	Dir   string // the repository
	Email string
}

// New makes a machine. The tests fail without gpg, ssh-keygen and git.
func New(t testing.TB, email string) *Signer {
	t.Helper()
	home, err := os.MkdirTemp("", "s") //nolint:usetesting // the sockets of GnuPG want a short path
	if err != nil {
		t.Fatal(err)
	}
	s := &Signer{t: t, Home: home, Dir: filepath.Join(home, "r"), Email: email}
	t.Cleanup(func() {
		_ = s.command("", "gpgconf", "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	s.must(os.MkdirAll(filepath.Join(home, ".gnupg"), 0o700))
	s.Git("config", "--global", "user.name", "Alice Ä")
	s.Git("config", "--global", "user.email", email)
	s.Git("init", "-q", "-b", "main", s.Dir)
	return s
}

func (s *Signer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Signer) command(stdin, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Dir, cmd.Stdin = s.Home, strings.NewReader(stdin)
	cmd.Env = []string{"HOME=" + s.Home, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8", "GIT_TERMINAL_PROMPT=0"}
	return cmd
}

// Run runs a program, which must succeed, and gives what it printed.
func (s *Signer) Run(stdin, name string, args ...string) string {
	s.t.Helper()
	cmd := s.command(stdin, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%s %v: %v\n%s%s", name, args, err, out.String(), errs.String())
	}
	return out.String()
}

// Git runs git in the repository.
func (s *Signer) Git(args ...string) string {
	s.t.Helper()
	return strings.TrimSpace(s.Run("", "git", append([]string{"-C", s.in()}, args...)...))
}

func (s *Signer) in() string {
	if _, err := os.Stat(s.Dir); err != nil {
		return s.Home
	}
	return s.Dir
}

// GPG runs gpg.
func (s *Signer) GPG(stdin string, args ...string) string {
	s.t.Helper()
	return s.Run(stdin, "gpg", append([]string{"--batch", "--quiet", "--no-tty", "--passphrase", "", "--pinentry-mode", "loopback"}, args...)...)
}

// GPGKey makes a key for the signer's address and has git sign with it. It gives the key's fingerprint.
func (s *Signer) GPGKey(algorithm string, options ...string) string {
	s.t.Helper()
	return s.generate("Alice <"+s.Email+">", algorithm, options...)
}

// GPGKeyAt makes a further key for an identity, dated as of a time (20200101T000000).
func (s *Signer) GPGKeyAt(identity, algorithm, at string) string {
	s.t.Helper()
	return s.generate(identity, algorithm, "--faked-system-time", at)
}

func (s *Signer) generate(identity, algorithm string, options ...string) string {
	s.t.Helper()
	s.GPG("", append(options, "--quick-generate-key", identity, algorithm, "sign", "never")...)
	fpr := ""
	for _, line := range strings.Split(s.GPG("", "--with-colons", "--list-secret-keys"), "\n") {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			fpr = f[9]
		}
	}
	s.Git("config", "--global", "gpg.format", "openpgp")
	s.Git("config", "--global", "user.signingkey", fpr)
	return fpr
}

// Public is the armour of a public key.
func (s *Signer) Public(fingerprint string) string {
	s.t.Helper()
	return s.GPG("", "--armor", "--export", fingerprint)
}

// SSHKey makes a key and has git sign with it. It gives the line of its .pub file.
func (s *Signer) SSHKey(kind string) string {
	s.t.Helper()
	file := filepath.Join(s.Home, "id_"+kind)
	s.Run("", "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", s.Email, "-f", file)
	s.Git("config", "--global", "gpg.format", "ssh")
	s.Git("config", "--global", "user.signingkey", file)
	line, err := os.ReadFile(file + ".pub")
	s.must(err)
	return strings.TrimSpace(string(line))
}

// Commit signs a commit and gives its id; Tag a tag.
func (s *Signer) Commit(message string) string {
	s.t.Helper()
	s.Git("commit", "-q", "-S", "--allow-empty", "-m", message)
	return s.Git("rev-parse", "HEAD")
}

// Tag signs a tag of HEAD and gives its id.
func (s *Signer) Tag(name string) string {
	s.t.Helper()
	s.Git("tag", "-s", "-m", "tag "+name, name)
	return s.Git("rev-parse", "refs/tags/"+name)
}

// Raw is an object's bytes.
func (s *Signer) Raw(kind, id string) []byte {
	s.t.Helper()
	return []byte(s.Run("", "git", "-C", s.Dir, "cat-file", kind, id))
}

// Revoke revokes a key, as its owner who lost it does, and imports the revocation.
func (s *Signer) Revoke(fingerprint string) {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Home, ".gnupg", "openpgp-revocs.d", fingerprint+".rev"))
	s.must(err)
	s.GPG(strings.Replace(string(b), ":-----BEGIN", "-----BEGIN", 1), "--import")
}
