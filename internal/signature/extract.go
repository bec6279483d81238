package signature

import (
	"bytes"
	"errors"

	"github.com/cairnhub/cairn/internal/git"
)

// What can be wrong with a signature.
var (
	ErrMalformed   = errors.New("malformed signature")
	ErrUnsupported = errors.New("unsupported kind of signature") // S/MIME, SHA-1, an algorithm nobody should use
	ErrBad         = errors.New("the signature does not fit what was signed")
	ErrExpired     = errors.New("the key or the signature had expired")
	ErrRevoked     = errors.New("the key was revoked")
)

// maxArmor bounds a signature in bytes. Those of post-quantum keys have some ten thousand.
const maxArmor = 64 << 10

// Kind is the format of a signature.
type Kind string

// The kinds.
const (
	OpenPGP Kind = "gpg"
	SSH     Kind = "ssh"
	SMIME   Kind = "x509" // recognised, never verified
)

// Signed is a signature and what it is of.
type Signed struct {
	Payload []byte // the object's bytes without the signature
	Armor   []byte // the signature as text
}

// KindOf tells the kind of a signature by its first line; "" for what is none.
func KindOf(armor []byte) Kind {
	switch {
	case bytes.HasPrefix(armor, []byte("-----BEGIN PGP SIGNATURE-----")):
		return OpenPGP
	case bytes.HasPrefix(armor, []byte("-----BEGIN SSH SIGNATURE-----")):
		return SSH
	case bytes.HasPrefix(armor, []byte("-----BEGIN SIGNED MESSAGE-----")):
		return SMIME
	}
	return ""
}

// OfCommit takes a commit apart as git does (commit.c, parse_signed_commit): the payload is all but the headers gpgsig and
// gpgsig-…, the latter being of other object formats. A commit without signature gives nil, one with two ErrMalformed.
func OfCommit(raw []byte) (*Signed, error) {
	s := &Signed{Payload: make([]byte, 0, len(raw))}
	const (
		plain = iota
		mine
		other
	)
	in := plain
	for rest, found := raw, false; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		if line[0] == '\n' {
			s.Payload = append(s.Payload, rest...) // the message, whatever is in it
			break
		}
		rest = rest[len(line):]
		switch {
		case line[0] == ' ' && in != plain:
		case bytes.HasPrefix(line, []byte("gpgsig ")):
			if found {
				return nil, ErrMalformed
			}
			in, found = mine, true
			line = line[len("gpgsig"):] // leaves the blank that other lines begin with
		case bytes.HasPrefix(line, []byte("gpgsig-")):
			in = other
		default:
			in = plain
		}
		switch in {
		case plain:
			s.Payload = append(s.Payload, line...)
		case mine:
			s.Armor = append(s.Armor, line[1:]...)
		}
	}
	if s.Armor == nil {
		return nil, nil
	}
	return s, nil
}

// OfTag takes an annotated tag apart: the signature is what follows the last line that begins one. A tag without
// signature gives nil.
func OfTag(raw []byte) *Signed {
	at := git.SignatureStart(raw)
	if at < 0 {
		return nil
	}
	return &Signed{Payload: raw[:at], Armor: raw[at:]}
}
