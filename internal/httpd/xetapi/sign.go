package xetapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// Signer makes and checks signatures for one purpose: what it signed for another does not hold.
type Signer struct {
	key     []byte
	purpose string
}

// NewSigner derives a signer from a key of the hub.
func NewSigner(key []byte, purpose string) *Signer { return &Signer{key, purpose} }

// Sign returns the signature of fields, each of which counts as a unit.
func (s *Signer) Sign(fields ...string) string {
	m := hmac.New(sha256.New, s.key)
	_, _ = fmt.Fprintf(m, "%d:%s", len(s.purpose), s.purpose) // never fails
	for _, f := range fields {
		_, _ = fmt.Fprintf(m, "%d:%s", len(f), f)
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Verify reports whether a signature is that of the fields.
func (s *Signer) Verify(signature string, fields ...string) bool {
	return hmac.Equal([]byte(signature), []byte(s.Sign(fields...)))
}

// farOff is how much later than anything that is signed now something may end. A clock set back by an hour or a time zone
// ends nothing that was signed before; what a clock that was years ahead has signed does not hold for years.
const farOff = 24 * time.Hour

// Over reports whether what was signed to hold until end, in unix seconds, does not hold at now. life is the longest that
// anything of its kind is signed for.
func Over(now time.Time, end int64, life time.Duration) bool {
	left := time.Unix(end, 0).Sub(now)
	return left <= 0 || left > life+farOff
}

// signWindows is of how many windows the life of an address is made. Its end is a multiple of the window, so that equal
// questions within a window get equal addresses and caches along the way can help; it lives for at least two.
const signWindows = 3

// Expiry is the unix second at which an address that is signed now runs out.
func (a *API) Expiry(now time.Time) int64 {
	from, life := a.window(now)
	return from.Add(life).Unix()
}

// window is when the life of an address that is signed now is taken to have begun, and how long it is.
func (a *API) window(now time.Time) (from time.Time, life time.Duration) {
	w := max(int64(a.URLTTL/time.Second)/signWindows, 1)
	return time.Unix(now.Unix()/w*w, 0).UTC(), time.Duration(w*signWindows) * time.Second
}

// grant is what a signed address allows: bytes [start, end] of a xorb's body.
type grant struct {
	hash       string
	start, end uint64
	left       int64 // seconds that the address still holds
	ticket     Ticket
}

// dataURL signs an address for bytes of a xorb, both ends included. It says whose right it stands on, so that it ends with
// that.
func (a *API) dataURL(origin string, xorb xet.Hash, start, end uint64, t Ticket) string {
	h, span := xorb.String(), strconv.FormatUint(start, 10)+"-"+strconv.FormatUint(end, 10)
	expires, ticket := strconv.FormatInt(a.Expiry(a.Now()), 10), t.text()
	return origin + "/xet/data/" + h + "?r=" + span + "&e=" + expires + "&t=" + url.QueryEscape(ticket) + "&s=" + a.urls.Sign(h, span, expires, ticket)
}

const ticketSeparator = "~" // which stands in no id

// text is how a ticket stands in an address.
func (t Ticket) text() string {
	bound := ""
	if t.Bound {
		bound = "b"
	}
	return strings.Join([]string{t.RepoID, t.UserID, t.TokenID, bound}, ticketSeparator)
}

// parseTicket reads a text that the hub has signed.
func parseTicket(text string) (t Ticket, ok bool) {
	f := strings.Split(text, ticketSeparator)
	if len(f) != 4 {
		return t, false
	}
	return Ticket{RepoID: f[0], UserID: f[1], TokenID: f[2], Bound: f[3] != ""}, true
}

// errAddress makes a client ask for the reconstruction again; no lasting condition may be answered so.
func errAddress() error {
	return errs.New(errs.Forbidden, "This address is not valid or has run out. Ask for the reconstruction again.")
}

// openGrant checks a signed address.
func (a *API) openGrant(hash string, q url.Values) (grant, error) {
	span, expires, ticket := q.Get("r"), q.Get("e"), q.Get("t")
	if !a.urls.Verify(q.Get("s"), hash, span, expires, ticket) {
		return grant{}, errAddress()
	}
	t, ok := parseTicket(ticket)
	if !ok {
		return grant{}, errAddress()
	}
	end, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || Over(a.Now(), end, a.URLTTL) {
		return grant{}, errAddress()
	}
	from, to, _ := strings.Cut(span, "-")
	g := grant{hash: hash, ticket: t, left: end - a.Now().Unix()}
	if g.start, err = strconv.ParseUint(from, 10, 32); err != nil {
		return grant{}, errAddress()
	}
	if g.end, err = strconv.ParseUint(to, 10, 32); err != nil || g.end < g.start {
		return grant{}, errAddress()
	}
	return g, nil
}
