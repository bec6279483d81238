package signature

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/signature/signaturetest"
)

// signedBoth are a signed commit and a signed tag of a signer.
func signedBoth(t *testing.T, s *signaturetest.Signer) map[string]*Signed {
	t.Helper()
	commit, err := OfCommit(s.Raw("commit", s.Commit("subject\n\nbody ä\n\ngpgsig in the text")))
	if err != nil || commit == nil {
		t.Fatalf("no signature: %v", err)
	}
	tag := OfTag(s.Raw("tag", s.Tag("v1")))
	if tag == nil {
		t.Fatal("no signature in the tag")
	}
	return map[string]*Signed{"commit": commit, "tag": tag}
}

func verifyPGP(k *PGPKey, s *Signed) error {
	sig, err := ParsePGP(s.Armor)
	if err != nil {
		return err
	}
	return k.Verify(sig, s.Payload, time.Now())
}

func verifySSH(s *Signed) (string, error) {
	sig, err := ParseSSH(s.Armor)
	if err != nil {
		return "", err
	}
	return sig.Fingerprint(), sig.Verify(s.Payload)
}

// tampered changes one byte of what was signed.
func tampered(s *Signed, at int) *Signed {
	p := bytes.Clone(s.Payload)
	p[at] ^= 1
	return &Signed{Payload: p, Armor: s.Armor}
}

func readKey(t *testing.T, text string) *PGPKey {
	t.Helper()
	k, err := ReadPGPKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOpenPGP(t *testing.T) {
	for _, algorithm := range []string{"ed25519", "rsa3072", "nistp256"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := signaturetest.New(t, "alice@example.com")
			fpr := s.GPGKey(algorithm)
			k := readKey(t, s.Public(fpr))
			if k.Fingerprint != fpr || len(k.Emails) != 1 || k.Emails[0] != s.Email || k.Revoked || !k.Expires.IsZero() {
				t.Errorf("key %+v", k)
			}
			other := signaturetest.New(t, "alice@example.com")
			stranger := readKey(t, other.Public(other.GPGKey("ed25519")))
			for name, signed := range signedBoth(t, s) {
				if err := verifyPGP(k, signed); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				for _, at := range []int{0, 10, len(signed.Payload) - 1} {
					if err := verifyPGP(k, tampered(signed, at)); !errors.Is(err, ErrBad) {
						t.Errorf("%s with byte %d changed: %v", name, at, err)
					}
				}
				if err := verifyPGP(stranger, signed); !errors.Is(err, ErrBad) {
					t.Errorf("%s by another key: %v", name, err)
				}
			}
		})
	}
}

// TestSubkeySigns has the primary key certify only, as careful people do.
func TestSubkeySigns(t *testing.T) {
	s := signaturetest.New(t, "alice@example.com")
	s.GPG("", "--quick-generate-key", "Alice <alice@example.com>", "ed25519", "cert", "never")
	primary := strings.Split(strings.SplitAfter(s.GPG("", "--with-colons", "--list-secret-keys"), "fpr:")[1], ":")[8]
	s.GPG("", "--quick-add-key", primary, "rsa3072", "sign", "2y")
	s.Git("config", "--global", "user.signingkey", primary)
	k := readKey(t, s.Public(primary))
	if len(k.KeyIDs) != 2 {
		t.Errorf("key ids %v", k.KeyIDs)
	}
	for name, signed := range signedBoth(t, s) {
		if err := verifyPGP(k, signed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExpiredAndRevokedKeys(t *testing.T) {
	s := signaturetest.New(t, "alice@example.com")
	fpr := s.GPGKey("ed25519", "--faked-system-time", "20200101T000000")
	k := readKey(t, s.Public(fpr))
	signed := signedBoth(t, s)["commit"]
	if err := verifyPGP(k, signed); err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(must(ParsePGP(signed.Armor)), signed.Payload, time.Now().AddDate(-1, 0, 0)); !errors.Is(err, ErrBad) {
		t.Errorf("a signature from the future: %v", err)
	}
	s.GPG("", "--quick-set-expire", fpr, "20210101T000000")
	expired := readKey(t, s.Public(fpr))
	if err := verifyPGP(expired, signed); !errors.Is(err, ErrExpired) || expired.Expires.Year() != 2021 {
		t.Errorf("signed after the key had expired (%s): %v", expired.Expires, err)
	}
	s.GPG("", "--quick-set-expire", fpr, "1")
	young := readKey(t, s.Public(fpr))
	if err := young.Verify(must(ParsePGP(signed.Armor)), signed.Payload, time.Now().AddDate(5, 0, 0)); err != nil {
		t.Errorf("a key that expired long after it signed: %v", err)
	}
	s.Revoke(fpr)
	revoked := readKey(t, s.Public(fpr))
	if err := verifyPGP(revoked, signed); !errors.Is(err, ErrRevoked) || !revoked.Revoked {
		t.Errorf("a revoked key: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestKeysThatAreNone(t *testing.T) {
	s := signaturetest.New(t, "alice@example.com")
	fpr := s.GPGKey("ed25519")
	public := s.Public(fpr)
	private := s.GPG("", "--armor", "--export-secret-keys", fpr)
	s.GPG("", "--quick-generate-key", "Second <second@example.com>", "ed25519", "sign", "never")
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"private":  {private, ErrPrivateKey},
		"two":      {s.GPG("", "--armor", "--export"), ErrManyKeys},
		"twice":    {public + public, ErrManyKeys},
		"nothing":  {"", ErrMalformed},
		"text":     {"ssh-ed25519 AAAA", ErrMalformed},
		"cut":      {public[:len(public)/2], ErrMalformed},
		"too long": {public + strings.Repeat("\n", MaxPGPKey), ErrMalformed},
	} {
		if _, err := ReadPGPKey(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSSH(t *testing.T) {
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := signaturetest.New(t, "alice@example.com")
			s.SSHKey(kind)
			want := strings.Fields(s.Run("", "ssh-keygen", "-l", "-f", s.Home+"/id_"+kind+".pub"))[1]
			for name, signed := range signedBoth(t, s) {
				if got, err := verifySSH(signed); err != nil || got != want {
					t.Errorf("%s: %s %v", name, got, err)
				}
				for _, at := range []int{0, 10, len(signed.Payload) - 1} {
					if _, err := verifySSH(tampered(signed, at)); !errors.Is(err, ErrBad) {
						t.Errorf("%s with byte %d changed: %v", name, at, err)
					}
				}
			}
			// A signature that was made for something else, a mail or a file, is none of a commit.
			file := s.Run("text", "ssh-keygen", "-Y", "sign", "-n", "file", "-f", s.Home+"/id_"+kind)
			if _, err := ParseSSH([]byte(file)); !errors.Is(err, ErrMalformed) {
				t.Errorf("another namespace: %v", err)
			}
		})
	}
}

func TestOfCommit(t *testing.T) {
	const head, tail = "tree 1\nauthor a\ncommitter c\n", "encoding x\n\ntext\ngpgsig no\n"
	for name, c := range map[string]struct{ raw, payload, armor string }{
		"plain":    {head + tail, "", ""},
		"signed":   {head + "gpgsig -----BEGIN\n \n A\n -----END\n" + tail, head + tail, "-----BEGIN\n\nA\n-----END\n"},
		"sha256":   {head + "gpgsig-sha256 X\n Y\ngpgsig A\n B\n" + tail, head + tail, "A\nB\n"},
		"mergetag": {head + "mergetag object\n gpgsig no\ngpgsig A\n" + tail, head + "mergetag object\n gpgsig no\n" + tail, "A\n"},
		"at end":   {head + "gpgsig A", head, "A"},
	} {
		s, err := OfCommit([]byte(c.raw))
		if err != nil || (s == nil) != (c.armor == "") || s != nil && (string(s.Payload) != c.payload || string(s.Armor) != c.armor) {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
	if _, err := OfCommit([]byte(head + "gpgsig A\ngpgsig B\n" + tail)); !errors.Is(err, ErrMalformed) {
		t.Errorf("two signatures: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0WIQ==\n-----END PGP SIGNATURE-----\n"))
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEX\n-----END PGP PUBLIC KEY BLOCK-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseSSH(text); err == nil && s.Verify(text) == nil {
			t.Error("a signature of itself")
		}
		s, err := ParsePGP(text)
		k, keyErr := ReadPGPKey(string(text))
		if err == nil && keyErr == nil && k.Verify(s, text, time.Now()) == nil {
			t.Error("a key that is a signature")
		}
		_, _ = OfCommit(text)
		OfTag(text)
	})
}
