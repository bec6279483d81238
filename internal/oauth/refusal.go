package oauth

import "fmt"

// Refusal is an answer of RFC 6749 and RFC 8628 that says no, or not yet. Code is theirs; clients match on it.
type Refusal struct {
	Code string
	Text string
}

// The codes.
const (
	InvalidRequest       = "invalid_request"
	InvalidClient        = "invalid_client"
	InvalidGrant         = "invalid_grant"
	InvalidScope         = "invalid_scope"
	UnsupportedGrant     = "unsupported_grant_type"
	AuthorizationPending = "authorization_pending"
	SlowDown             = "slow_down"
	ExpiredToken         = "expired_token"
	AccessDenied         = "access_denied"
)

func (r *Refusal) Error() string { return r.Code + ": " + r.Text }

// Refuse makes a refusal.
func Refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}
