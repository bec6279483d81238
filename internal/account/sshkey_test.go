package account

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// line is a public key as a .pub file has it.
func line(t *testing.T, public any) string {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func ed25519Line(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, public)
}

// rsaLine is a key of that many bits, which nobody could use: only its length is looked at.
func rsaLine(t *testing.T, bits uint) string {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return line(t, &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537})
}

func ecdsaLine(t *testing.T, c elliptic.Curve) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, &k.PublicKey)
}

func skLine(t *testing.T) string {
	t.Helper()
	public, _, _ := ed25519.GenerateKey(rand.Reader)
	blob := ssh.Marshal(struct {
		Kind string
		Key  []byte
		App  string
	}{ssh.KeyAlgoSKED25519, public, "ssh:"})
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func dsaLine(t *testing.T) string {
	blob := ssh.Marshal(struct {
		Kind       string
		P, Q, G, Y *big.Int
	}{"ssh-dss", big.NewInt(1 << 40), big.NewInt(1 << 20), big.NewInt(2), big.NewInt(4)})
	return "ssh-dss " + base64.StdEncoding.EncodeToString(blob) + " old"
}

func certLine(t *testing.T) string {
	t.Helper()
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	key, _ := ssh.NewPublicKey(public)
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: key, CertType: ssh.UserCert, ValidPrincipals: []string{"alice"}}
	if err := c.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(c))
}

func privateKey(t *testing.T) string {
	t.Helper()
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	b, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

// Keys that are as good as none are refused with what to do instead.
func TestSSHKeyFormats(t *testing.T) {
	s, _ := open(t, dbtest.New(t, db.SQLite))
	u := mustCreate(t, s, NewUser{Name: "alice"})
	good := ed25519Line(t)
	for _, row := range []struct{ name, key, want string }{
		{"ed25519", ed25519Line(t) + " alice@laptop", ""},
		{"ed25519 with CRLF", ed25519Line(t) + " alice@laptop\r\n", ""},
		{"rsa 3072", rsaLine(t, 3072), ""},
		{"ecdsa 256", ecdsaLine(t, elliptic.P256()), ""},
		{"ecdsa 384", ecdsaLine(t, elliptic.P384()), ""},
		{"ecdsa 521", ecdsaLine(t, elliptic.P521()), ""},
		{"security key", skLine(t), ""},
		{"rsa 2048", rsaLine(t, 2048), "2048 bits, which is too short"},
		{"rsa 3071", rsaLine(t, 3071), "too short"},
		{"rsa too long", rsaLine(t, 16_392), "more than 16384 bits"},
		{"dsa", dsaLine(t), "DSA"},
		{"private", privateKey(t), "private key"},
		{"putty", "PuTTY-User-Key-File-3: ssh-ed25519\n", "private key"},
		{"rfc 4716", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "ssh-keygen -i"},
		{"certificate", certLine(t), "certificate"},
		{"options", `command="sh" ` + good, "options"},
		{"two", good + "\n" + ed25519Line(t), "more than one"},
		{"nothing", " \n", "empty"},
		{"words", "hello there", "not a public SSH key"},
		{"cut", good[:60], "not a public SSH key"},
		{"huge", strings.Repeat("A", 20_000), "too long"},
	} {
		_, err := s.AddSSHKey(t.Context(), hub.Actor{}, u.ID, NewSSHKey{Title: row.name, Key: row.key})
		if row.want == "" && err != nil || row.want != "" && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %v, want %q", row.name, err, row.want)
		}
	}
	keys, err := s.SSHKeys(t.Context(), u.ID)
	if err != nil || len(keys) != 7 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
}

func TestSSHKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		s, _ := open(t, d)
		mustCreate(t, s, NewUser{Name: "admin-a", SiteAdmin: true})
		alice, bob := mustCreate(t, s, NewUser{Name: "alice"}), mustCreate(t, s, NewUser{Name: "bob"})
		text := ed25519Line(t)
		k, err := s.AddSSHKey(ctx, hub.Actor{UserID: alice.ID}, alice.ID, NewSSHKey{Key: text + " alice@laptop"})
		if err != nil {
			t.Fatal(err)
		}
		if k.Title != "alice@laptop" || k.PublicKey != text || k.Algorithm != "ssh-ed25519" || !strings.HasPrefix(k.Fingerprint, "SHA256:") {
			t.Errorf("%+v", k)
		}
		for _, title := range []string{"", "a\nb", strings.Repeat("x", 129), "a\x00b"} {
			if _, err := s.AddSSHKey(ctx, hub.Actor{}, alice.ID, NewSSHKey{Title: title, Key: ed25519Line(t)}); !errs.Is(err, errs.Invalid) {
				t.Errorf("title %q: %v", title, err)
			}
		}
		if _, err := s.AddSSHKey(ctx, hub.Actor{}, bob.ID, NewSSHKey{Title: "stolen", Key: text}); !errs.Is(err, errs.Conflict) {
			t.Errorf("another user took the key: %v", err)
		}

		a, err := s.AuthenticateSSHKey(ctx, k.Fingerprint)
		if err != nil || a.UserID != alice.ID || a.Name != "alice" || !a.MayWrite() || a.Deploy || a.RepoID != "" {
			t.Fatalf("%+v, %v", a, err)
		}
		if p, err := s.Present(ctx, a.UserID, a.TokenID); err != nil || p != a {
			t.Errorf("later: %+v, %v", p, err)
		}
		if _, err := s.Present(ctx, bob.ID, a.TokenID); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("with another user's id: %v", err)
		}
		if keys, err := s.SSHKeys(ctx, alice.ID); err != nil || len(keys) != 1 || keys[0].LastUsedAt.IsZero() {
			t.Errorf("after the use: %+v, %v", keys, err)
		}
		if found, err := s.SSHKeyByFingerprint(ctx, k.Fingerprint); err != nil || found.UserID != alice.ID {
			t.Errorf("by fingerprint: %+v, %v", found, err)
		}

		if err := s.Disable(ctx, alice.ID); err != nil {
			t.Fatal(err)
		}
		keyRefused(t, s, "a disabled user", k.Fingerprint, a)
		if err := s.Enable(ctx, alice.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteSSHKey(ctx, hub.Actor{}, bob.ID, k.ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("another user deleted the key: %v", err)
		}
		if err := s.DeleteSSHKey(ctx, hub.Actor{UserID: alice.ID}, alice.ID, k.ID); err != nil {
			t.Fatal(err)
		}
		keyRefused(t, s, "a deleted key", k.Fingerprint, a)
		if got := kinds(t, d); got != "user.key.add user.key.delete" {
			t.Errorf("events: %s", got)
		}

		k, err = s.AddSSHKey(ctx, hub.Actor{}, bob.ID, NewSSHKey{Title: "bob's", Key: text})
		if err != nil {
			t.Fatal(err)
		}
		a, err = s.AuthenticateSSHKey(ctx, k.Fingerprint)
		if err != nil || a.UserID != bob.ID {
			t.Fatalf("a key that went from one user to another: %+v, %v", a, err)
		}
		if err := s.Delete(ctx, bob.ID); err != nil {
			t.Fatal(err)
		}
		keyRefused(t, s, "a deleted user", k.Fingerprint, a)
	})
}

// keyRefused: neither the key nor what stands on it opens anything.
func keyRefused(t *testing.T, s *Service, name, fingerprint string, a hub.Actor) {
	t.Helper()
	if _, err := s.AuthenticateSSHKey(t.Context(), fingerprint); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("%s is let in: %v", name, err)
	}
	if _, err := s.Present(t.Context(), a.UserID, a.TokenID); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("%s stays in: %v", name, err)
	}
}

func kinds(t *testing.T, d *db.DB) string {
	t.Helper()
	var rows []struct{ Kind string }
	if err := d.Select(t.Context(), &rows, `SELECT kind FROM event WHERE kind LIKE '%key.%' ORDER BY id`); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.Kind)
	}
	return strings.Join(out, " ")
}

func TestDeployKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		s, _ := open(t, d)
		repoID := hub.NewID()
		exec(t, d, `INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at)
			VALUES (?, 'model', 'o', 'acme', 'm', 'acme/m', 'o', 'private', 0, 0)`, repoID)
		var actors []hub.Actor
		for _, write := range []bool{false, true} {
			k, err := s.AddDeployKey(ctx, hub.Actor{UserID: "o"}, hub.RepoRow{ID: repoID, OwnerID: "o"}, NewSSHKey{Title: fmt.Sprint(write), Key: ed25519Line(t), MayWrite: write})
			if err != nil {
				t.Fatal(err)
			}
			a, err := s.AuthenticateSSHKey(ctx, k.Fingerprint)
			if err != nil || !a.Deploy || a.RepoID != repoID || a.MayWrite() != write || a.SiteAdmin {
				t.Fatalf("%+v, %v", a, err)
			}
			if p, err := s.Present(ctx, a.UserID, a.TokenID); err != nil || p != a {
				t.Errorf("later: %+v, %v", p, err)
			}
			actors = append(actors, a)
		}
		keys, err := s.DeployKeys(ctx, repoID)
		if err != nil || len(keys) != 2 {
			t.Fatalf("%v, %v", keys, err)
		}
		if err := s.DeleteDeployKey(ctx, hub.Actor{}, hub.RepoRow{ID: "another"}, keys[0].ID); !errs.Is(err, errs.NotFound) {
			t.Errorf("deleted through another repository: %v", err)
		}
		if err := s.DeleteDeployKey(ctx, hub.Actor{}, hub.RepoRow{ID: repoID, OwnerID: "o"}, keys[0].ID); err != nil {
			t.Fatal(err)
		}
		exec(t, d, `DELETE FROM repo WHERE id = ?`, repoID)
		for _, a := range actors {
			if _, err := s.Present(ctx, a.UserID, a.TokenID); !errs.Is(err, errs.Unauthenticated) {
				t.Errorf("the key of a deleted repository: %v", err)
			}
		}
	})
}

func exec(t *testing.T, d *db.DB, statement string, args ...any) {
	t.Helper()
	err := d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
