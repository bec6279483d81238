package account

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"time"
)

// Links prove that somebody reads an address, or was handed the link. Their codes are kept as hashes only and made when
// they are sent, so that nothing waits in the database which would open an account.
const (
	codeBytes   = 32
	maxCode     = 128
	verifyLife  = 24 * time.Hour
	resetLife   = time.Hour
	resetsAlive = 3 // links to choose a new password that a user can have at once
)

func newCode() string {
	var b [codeBytes]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// codeHash is what of a code is kept. It is never empty, which stands for a code that is yet to be made: what cannot be a
// code has the hash of none.
func codeHash(code string) string {
	if len(code) > maxCode {
		code = ""
	}
	return secretHash(code)
}

// The pages that links lead to. The code stands in the query, which no log of the hub shows.
const (
	verifyPath = "/login/verify"
	resetPath  = "/login/reset"
	invitePath = "/join"
)

func (s *Service) link(path, code string) string {
	base := s.o.URL
	if base == "" {
		base = "http://localhost:28080"
	}
	return base + path + "?" + url.Values{"code": {code}}.Encode()
}
