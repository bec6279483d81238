package signature

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// PGPSignature is a detached OpenPGP signature.
type PGPSignature struct {
	KeyID   string    // of the key or subkey that claims to have made it, 16 upper-case hex digits
	Created time.Time // as the signer says
	Expires time.Time // zero, as nearly always: never
	raw     []byte
	hash    crypto.Hash
}

// ParsePGP reads a signature's armour, which must hold one signature.
func ParsePGP(text []byte) (*PGPSignature, error) {
	if len(text) > maxArmor {
		return nil, ErrMalformed
	}
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil || block.Type != openpgp.SignatureType {
		return nil, ErrMalformed
	}
	raw, err := io.ReadAll(block.Body)
	if err != nil {
		return nil, ErrMalformed
	}
	packets := packet.NewReader(bytes.NewReader(raw))
	first, err := packets.Next()
	sig, ok := first.(*packet.Signature)
	if err != nil || !ok || sig.IssuerKeyId == nil {
		return nil, ErrMalformed
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return nil, ErrMalformed
	}
	s := &PGPSignature{KeyID: keyID(*sig.IssuerKeyId), Created: sig.CreationTime, raw: raw, hash: sig.Hash}
	if sig.SigLifetimeSecs != nil && *sig.SigLifetimeSecs != 0 {
		s.Expires = s.Created.Add(seconds(*sig.SigLifetimeSecs))
	}
	return s, nil
}

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// PGPKey is somebody's public key with its subkeys.
type PGPKey struct {
	Fingerprint string   // of the primary key, upper-case hex
	KeyIDs      []string // the primary key's, then those of the subkeys
	Emails      []string // of its identities
	Name        string   // its primary identity
	Expires     time.Time
	Revoked     bool
	entity      *openpgp.Entity
}

// MaxPGPKey bounds a key's armour in bytes. One with some hundred signatures of others has less.
const MaxPGPKey = 256 << 10

// Errors of keys, beside ErrMalformed.
var (
	ErrPrivateKey = errors.New("this is a private key")
	ErrManyKeys   = errors.New("more than one key")
)

// ReadPGPKey reads the armour of one public key. Its own signatures are verified; those of others mean nothing here.
func ReadPGPKey(text string) (*PGPKey, error) {
	if len(text) > MaxPGPKey {
		return nil, fmt.Errorf("%w: over %d bytes", ErrMalformed, MaxPGPKey)
	}
	if strings.Contains(text, "-----BEGIN "+openpgp.PrivateKeyType) {
		return nil, ErrPrivateKey
	}
	if strings.Count(text, "-----BEGIN ") > 1 {
		return nil, ErrManyKeys
	}
	ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	case len(ring) != 1:
		return nil, ErrManyKeys
	case ring[0].PrivateKey != nil:
		return nil, ErrPrivateKey
	}
	return newPGPKey(ring[0])
}

func newPGPKey(e *openpgp.Entity) (*PGPKey, error) {
	self, primary := e.PrimarySelfSignature()
	if self == nil {
		return nil, fmt.Errorf("%w: a key without an identity", ErrMalformed)
	}
	k := &PGPKey{Fingerprint: strings.ToUpper(hex.EncodeToString(e.PrimaryKey.Fingerprint)), Revoked: len(e.Revocations) > 0, entity: e}
	if primary != nil {
		k.Name = primary.Name
	}
	if self.KeyLifetimeSecs != nil && *self.KeyLifetimeSecs != 0 {
		k.Expires = e.PrimaryKey.CreationTime.Add(seconds(*self.KeyLifetimeSecs)).UTC()
	}
	k.KeyIDs = append(k.KeyIDs, keyID(e.PrimaryKey.KeyId))
	for i := range e.Subkeys {
		if id := keyID(e.Subkeys[i].PublicKey.KeyId); !slices.Contains(k.KeyIDs, id) {
			k.KeyIDs = append(k.KeyIDs, id)
		}
	}
	for _, id := range e.Identities {
		if id.UserId != nil && id.UserId.Email != "" && !slices.Contains(k.Emails, id.UserId.Email) {
			k.Emails = append(k.Emails, id.UserId.Email)
		}
	}
	slices.Sort(k.Emails)
	return k, nil
}

// clockSkew is how far in the future a signer's clock may be.
const clockSkew = 24 * time.Hour

// Verify checks that the key, or a subkey of it that may sign, signed the payload. What counts is whether the key was
// good when it signed: a key that has expired since, or was retired since, leaves its signatures what they were; one that was
// revoked for being stolen, or without a reason, does not.
func (k *PGPKey) Verify(s *PGPSignature, payload []byte, now time.Time) error {
	if !trusted(s.hash) {
		return ErrUnsupported
	}
	if s.Created.After(now.Add(clockSkew)) {
		return fmt.Errorf("%w: it is dated %s", ErrBad, s.Created.UTC().Format(time.RFC3339))
	}
	then := &packet.Config{Time: func() time.Time { return s.Created }}
	sig, _, err := openpgp.VerifyDetachedSignature(openpgp.EntityList{k.entity}, bytes.NewReader(payload), bytes.NewReader(s.raw), then)
	var refused pgperrors.SignatureError
	if sig == nil || errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	// It is the key's. The library's judgement of times is not used: to it, a key that was renewed after it signed is
	// not yet valid at the time of the signature.
	if !s.Expires.IsZero() && now.After(s.Expires) {
		return ErrExpired
	}
	self, _ := k.entity.PrimarySelfSignature()
	err = goodAt(s.Created, k.entity.PrimaryKey, self, k.entity.Revocations)
	for i := range k.entity.Subkeys {
		if sub := &k.entity.Subkeys[i]; err == nil && keyID(sub.PublicKey.KeyId) == s.KeyID {
			err = goodAt(s.Created, sub.PublicKey, sub.Sig, sub.Revocations)
		}
	}
	return err
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// goodAt reports whether a key could sign at a time.
func goodAt(at time.Time, key *packet.PublicKey, self *packet.Signature, revocations []*packet.Signature) error {
	for _, r := range revocations {
		if hard(r) || !r.CreationTime.After(at) {
			return ErrRevoked
		}
	}
	switch {
	case at.Before(key.CreationTime):
		return fmt.Errorf("%w: it is older than its key", ErrBad)
	case self.KeyLifetimeSecs != nil && *self.KeyLifetimeSecs != 0 && !at.Before(key.CreationTime.Add(seconds(*self.KeyLifetimeSecs))):
		return ErrExpired
	}
	return nil
}

// hard reports whether a revocation ends all signatures of the key, also those made before: nobody knows who made them.
func hard(r *packet.Signature) bool {
	return r.RevocationReason == nil || *r.RevocationReason == packet.NoReason || *r.RevocationReason == packet.KeyCompromised
}

// trusted are the hashes under which two contents with one signature cannot be made.
func trusted(h crypto.Hash) bool {
	switch h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512:
		return true
	}
	return false
}
