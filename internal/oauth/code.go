package oauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	// No vowels, so that no words come out, and nothing that looks like something else: RFC 8628, 6.1.
	codeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	codeLength   = 8 // 20^8 is 2.6e10
	secretBytes  = 32
)

// newUserCode is what people type, as they see it: WDJB-MJHT.
func newUserCode() string {
	const even = 256 - 256%len(codeAlphabet)
	out := make([]byte, 0, codeLength)
	var b [32]byte
	for len(out) < codeLength {
		_, _ = rand.Read(b[:])
		for _, c := range b {
			if int(c) < even && len(out) < codeLength {
				out = append(out, codeAlphabet[int(c)%len(codeAlphabet)])
			}
		}
	}
	return string(out[:codeLength/2]) + "-" + string(out[codeLength/2:])
}

// readUserCode takes what somebody typed to its plain form; empty if it cannot be a code.
func readUserCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	plain := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c == ' ', c == '-', c == '_', c == '.', c == '\u2010', c == '\u2011', c == '\u2013', c == '\u00a0':
			return -1
		}
		return c
	}, typed)
	if len(plain) != codeLength || strings.Trim(plain, codeAlphabet) != "" {
		return ""
	}
	return plain
}

// newSecret is a device code or a refresh token: 256 bits.
func newSecret(prefix string) string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hash is how secrets that nobody can guess are kept.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// keyed is how what is short is kept: without the key the codes could be tried one by one.
func keyed(key []byte, code string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(code))
	return hex.EncodeToString(m.Sum(nil))
}
