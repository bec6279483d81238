package sshd

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// The host keys follow from the hub's own keys alone: a node that starts, or a restored hub, is known by its users.
func TestHostKeysFollowFromSecrets(t *testing.T) {
	keys := func(fill byte) []ssh.Signer {
		t.Helper()
		s, err := HostKeys(t.Context(), func(_ context.Context, name string) ([]byte, error) {
			return bytes.Repeat([]byte{fill + byte(len(name))}, 32), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// Recorded once: another derivation would make every user's ssh warn of an attack.
	want := []string{"ssh-ed25519 SHA256:2HS8bJpYBy7bDfWIQN304coFKT0s6CVPABFLYq+IX5E", "ecdsa-sha2-nistp256 SHA256:EnV3YerQK3+4qpQ2NNyHxtq5v0KD7EQKlr3xn/3eT1Y"}
	for i, k := range keys(1) {
		if got := k.PublicKey().Type() + " " + ssh.FingerprintSHA256(k.PublicKey()); got != want[i] {
			t.Errorf("host key %d is %s, was %s", i, got, want[i])
		}
		if k.PublicKey().Type() == keys(2)[i].PublicKey().Type() && ssh.FingerprintSHA256(k.PublicKey()) == ssh.FingerprintSHA256(keys(2)[i].PublicKey()) {
			t.Error("two hubs have one host key")
		}
	}
}

func TestParseAuthorities(t *testing.T) {
	key := func(fill byte) string {
		s, err := HostKeys(t.Context(), func(context.Context, string) ([]byte, error) { return bytes.Repeat([]byte{fill}, 32), nil })
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s[0].PublicKey())))
	}
	for _, row := range []struct {
		file string
		want int // keys; 0: an error
	}{
		{key(1), 1},
		{"# ours\n" + key(1) + " ca@example.com\n\n# theirs\n" + key(2) + "\n# end\n", 2},
		{"", 0},
		{"# nothing\n", 0},
		{key(1) + "\nnonsense\n", 0},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\n", 0},
	} {
		keys, err := ParseAuthorities([]byte(row.file))
		if len(keys) != row.want || (err == nil) != (row.want > 0) {
			t.Errorf("%q: %d keys, %v", row.file, len(keys), err)
		}
	}
}
