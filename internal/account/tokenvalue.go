package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

const (
	tokenPrefix    = "hf_" // clients refuse other prefixes
	tokenRandom    = 34    // random characters: 202 bits
	tokenChecked   = 6     // characters of checksum behind them
	hintFrom       = 20    // shorter values get no hint, which would be too much of them
	alphanumerics  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	badCredentials = "Invalid credentials in Authorization header" // clients match on this text
)

// randomToken makes a token's value: the prefix, random characters, and a checksum by which scanners for leaked secrets
// tell a token from what only looks like one, without asking the hub.
func randomToken() string {
	value := tokenPrefix + randomText(tokenRandom)
	return value + tokenChecksum(value)
}

// randomText draws each character evenly: bytes past the last whole multiple of 62 are dropped.
func randomText(n int) string {
	const even = 256 - 256%len(alphanumerics)
	out := make([]byte, 0, n)
	var b [64]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		for _, c := range b {
			if int(c) >= even {
				continue
			}
			if out = append(out, alphanumerics[int(c)%len(alphanumerics)]); len(out) == n {
				return string(out)
			}
		}
	}
}

// tokenChecksum is the CRC-32 (IEEE) of what comes before it, in base 62, most significant digit first.
func tokenChecksum(value string) string {
	sum := crc32.ChecksumIEEE([]byte(value))
	var out [tokenChecked]byte
	for i := tokenChecked - 1; i >= 0; i-- {
		out[i] = alphanumerics[sum%uint32(len(alphanumerics))]
		sum /= uint32(len(alphanumerics))
	}
	return string(out[:])
}

// IsToken reports whether a text is a token that a hub like this one has made: its checksum fits. Older and imported
// tokens have none.
func IsToken(text string) bool {
	n := len(text) - tokenChecked
	return n == len(tokenPrefix)+tokenRandom && strings.HasPrefix(text, tokenPrefix) && text[n:] == tokenChecksum(text[:n])
}

func tokenHint(value string) string {
	if len(value) < hintFrom {
		return ""
	}
	return value[:5] + "…" + value[len(value)-4:]
}

// secretHash is how tokens and session secrets are kept: they are random, so a plain hash cannot be searched.
func secretHash(value string) string {
	sum := sha256.Sum256([]byte(value))
	var b [2 * len(sum)]byte // on the stack: every request with a token asks
	hex.Encode(b[:], sum[:])
	return string(b[:])
}
