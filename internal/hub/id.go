package hub

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// NewID makes a row id: 24 lower-case hex digits, as the Hub's schema has them.
func NewID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// OID is a git object id (SHA-1).
type OID [20]byte

func (o OID) String() string {
	var b [2 * len(o)]byte // on the stack: listings write a thousand of them
	hex.Encode(b[:], o[:])
	return string(b[:])
}

// IsZero reports whether o names no object.
func (o OID) IsZero() bool { return o == OID{} }

// ParseOID reads 40 lower-case hex digits.
func ParseOID(s string) (OID, error) {
	var o OID
	if !lowerHex(s, 40) {
		return o, fmt.Errorf("not a git object id: %q", s)
	}
	_, err := hex.Decode(o[:], []byte(s))
	return o, err
}

// SHA256 is the content hash of a large file, its LFS oid.
type SHA256 [32]byte

func (h SHA256) String() string {
	var b [2 * len(h)]byte
	hex.Encode(b[:], h[:])
	return string(b[:])
}

// ParseSHA256 reads 64 lower-case hex digits.
func ParseSHA256(s string) (SHA256, error) {
	var h SHA256
	if !lowerHex(s, 64) {
		return h, fmt.Errorf("not a sha256: %q", s)
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err
}

func lowerHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := 0; i < n; i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
