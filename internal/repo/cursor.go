package repo

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/cairnhub/cairn/internal/errs"
)

// cursor is where a page ended: the sort value of its last item, which may be shared by many, and that item's id.
type cursor struct {
	Value json.RawMessage `json:"v"`
	ID    string          `json:"i"`
}

const (
	sealSize  = 16
	maxCursor = 1024
)

// seal makes a cursor that only the query it was made for accepts, and nobody but this hub can make.
func (s *Service) seal(c cursor, query string) string {
	b, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(append(s.mac("cursor", query, string(b))[:sealSize], b...))
}

func (s *Service) unseal(text, query string) (cursor, error) {
	var c cursor
	bad := errs.New(errs.Invalid, "Invalid cursor: follow the Link header of the previous page as it is")
	if len(text) > maxCursor {
		return c, bad
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < sealSize || !hmac.Equal(b[:sealSize], s.mac("cursor", query, string(b[sealSize:]))[:sealSize]) {
		return c, bad
	}
	if json.Unmarshal(b[sealSize:], &c) != nil {
		return c, bad
	}
	return c, nil
}

// mac is a keyed hash of parts, which stay apart whatever they contain.
func (s *Service) mac(parts ...string) []byte {
	h := hmac.New(sha256.New, s.key)
	b, _ := json.Marshal(parts)
	h.Write(b)
	return h.Sum(nil)
}
