package api

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // git's ids
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/cairnhub/cairn/internal/signature/signaturetest"
	"github.com/cairnhub/cairn/internal/testhub"
)

// bigKey is a key with many subkeys and as many bytes of armour as a key may have.
func bigKey(t *testing.T, subkeys int) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Mallory", "", "mallory@example.com", nil)
	for len(e.Subkeys) < subkeys && err == nil {
		err = e.AddEncryptionSubkey(nil)
	}
	for i := 0; i < 11 && err == nil; i++ {
		err = e.AddUserId(strings.Repeat("x", 15_000)+fmt.Sprint(i), "", "", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func armored(t *testing.T, kind string, write func(*bytes.Buffer) error) string {
	t.Helper()
	var raw, text bytes.Buffer
	if err := write(&raw); err != nil {
		t.Fatal(err)
	}
	w, err := armor.Encode(&text, kind, nil)
	if err == nil {
		_, err = w.Write(raw.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func publicKey(t *testing.T, e *openpgp.Entity) string {
	return armored(t, openpgp.PublicKeyType, func(b *bytes.Buffer) error { return e.Serialize(b) })
}

// forgedBy is a signature of nothing that says that a key made it.
func forgedBy(t *testing.T, named *packet.PublicKey) string {
	return armored(t, openpgp.SignatureType, func(b *bytes.Buffer) error {
		e, err := openpgp.NewEntity("x", "", "", nil)
		if err != nil {
			return err
		}
		priv := *e.PrivateKey
		priv.Fingerprint, priv.KeyId = named.Fingerprint, named.KeyId
		sig := &packet.Signature{SigType: packet.SigTypeBinary, PubKeyAlgo: priv.PubKeyAlgo, Hash: crypto.SHA256, CreationTime: time.Now(), IssuerKeyId: &named.KeyId}
		if err := sig.Sign(crypto.SHA256.New(), &priv, nil); err != nil {
			return err
		}
		return sig.Serialize(b)
	})
}

// forge puts a commit on main for each of the keys, which has not signed it.
func forge(t *testing.T, s *signaturetest.Signer, keys ...*packet.PublicKey) {
	t.Helper()
	tree, parent := strings.TrimSpace(s.Run("", "git", "-C", s.Dir, "mktree")), s.Git("rev-parse", "HEAD")
	var files []string
	for i, k := range keys {
		sig := strings.ReplaceAll(strings.TrimSpace(forgedBy(t, k)), "\n", "\n ")
		raw := fmt.Sprintf("tree %s\nparent %s\nauthor M <mallory@example.com> 1700000000 +0000\ncommitter M <mallory@example.com> 1700000000 +0000\ngpgsig %s\n\nforged %d\n",
			tree, parent, sig, i)
		file := filepath.Join(s.Home, fmt.Sprint("forged", i))
		if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(raw), raw)) //nolint:gosec // git's ids
		files, parent = append(files, file), hex.EncodeToString(sum[:])
	}
	s.Run(strings.Join(files, "\n")+"\n", "git", "-C", s.Dir, "hash-object", "-t", "commit", "-w", "--stdin-paths")
	s.Git("reset", "-q", "--hard", parent)
}

// allocated is how many bytes of memory are taken, in all, while f runs.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc) //nolint:gosec // some megabytes
}

func TestAKeyOfManySubkeysIsRefused(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	alice := h.User("alice")
	e := bigKey(t, 31)
	addGPGKey(h, alice, publicKey(t, e))
	if err := e.AddEncryptionSubkey(nil); err != nil {
		t.Fatal(err)
	}
	refused(t, "32 subkeys", post(h, h.User("bob"), "/api/user/gpg_keys", dict{"key": publicKey(t, e)}), 400, "", "32 subkeys", "31 at most")
}

// One key on many accounts, and a page of commits that name its subkeys: each row of the look-up held all of the armour.
// It runs beside no other test, whose memory would be counted.
func TestForgedSignaturesDoNotFillTheMemory(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		mallory := model(h, "mallory", "m", nil)
		e := bigKey(t, 31)
		public := publicKey(t, e)
		addGPGKey(h, mallory, public)
		for i := range 9 {
			addGPGKey(h, h.User(fmt.Sprint("mallory", i)), public)
		}
		s := signaturetest.New(t, "alice@example.com")
		s.Git("commit", "-q", "--allow-empty", "-m", "first")
		keys := []*packet.PublicKey{e.PrimaryKey}
		for i := range e.Subkeys {
			keys = append(keys, e.Subkeys[i].PublicKey)
		}
		forge(t, s, keys...)
		push(h, mallory, s, "mallory/m")
		var got map[string]string
		if n := allocated(func() { got = verified(h, nobody, "mallory/m") }); n > 50<<20 {
			t.Errorf("the page took %d MB for %d keys of %d bytes", n>>20, len(keys), len(public))
		} else {
			t.Logf("%d MB", n>>20)
		}
		if got["forged 0"] != "bad_signature false" || got["forged 31"] != "bad_signature false" {
			t.Errorf("%v", got)
		}
	})
}

// Beyond a bound, keys are not read for one page; a smaller page says what they are.
func TestManyBigKeysAreNotReadAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		mallory := model(h, "mallory", "m", nil)
		s := signaturetest.New(t, "mallory@example.com")
		s.Git("commit", "-q", "--allow-empty", "-m", "first")
		var keys []*packet.PublicKey
		for range 24 {
			e := bigKey(t, 1)
			addGPGKey(h, mallory, publicKey(t, e))
			keys = append(keys, e.PrimaryKey)
		}
		forge(t, s, keys...)
		push(h, mallory, s, "mallory/m")
		count := map[string]int{}
		got := verified(h, nobody, "mallory/m")
		for _, said := range got {
			count[said]++
		}
		if n := count["bad_signature false"]; n < 16 || n > 20 || count["unchecked false"] != len(keys)-n {
			t.Errorf("%v", count)
		}
		if got["forged 0"] != "unchecked false" {
			t.Errorf("the last of the page is %q", got["forged 0"])
		}
		by := s.Git("rev-parse", "HEAD~23")
		if v := ok[struct{ Verification verification }](t, "commit", get(h, nobody, "/api/models/mallory/m/commit/"+by)).Verification.said(); v != "bad_signature false" {
			t.Errorf("by itself it is %q", v)
		}
	})
}

// More accounts than are looked at may claim somebody's key, and before she adds it.
func TestAKeyClaimedByManyCountsForItsOwner(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		s := signaturetest.New(t, "Alice@Example.com")
		public := s.Public(s.GPGKey("ed25519"))
		for i := range 18 {
			addGPGKey(h, h.User(fmt.Sprint("mallory", i)), public)
		}
		alice := model(h, "alice", "m", nil)
		s.Commit("hers")
		s.Git("-c", "user.email=carol@example.com\xff", "commit", "-q", "-S", "--allow-empty", "-m", "nobody's")
		push(h, alice, s, "alice/m")
		got := verified(h, nobody, "alice/m")
		if got["hers"] != "bad_email false mallory0 gpg" {
			t.Errorf("before she adds it: %v", got)
		}
		addGPGKey(h, alice, public)
		got = verified(h, nobody, "alice/m")
		if got["hers"] != "valid true alice gpg" || got["nobody's"] != "bad_email false mallory0 gpg" {
			t.Errorf("%v", got)
		}
	})
}
