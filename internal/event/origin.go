package event

import (
	"context"
	"strings"
	"unicode/utf8"
)

// CLI is the actor's id and name in events that the operator causes by the command line.
const CLI = "cli"

// Origin says who causes what happens in a context, by what and from where. A door puts a pointer to it there and fills it
// in as soon as it knows; the zero value is the hub itself.
type Origin struct {
	ActorID   string
	ActorName string
	TokenID   string // what proved the actor
	Addr      string // of the client, without a port
	UserAgent string
}

// OriginKey is under which a context has its *Origin, for contexts that answer several keys.
type OriginKey struct{}

// WithOrigin has the events of a context take what they do not say themselves from o.
func WithOrigin(ctx context.Context, o *Origin) context.Context {
	return context.WithValue(ctx, OriginKey{}, o)
}

func originOf(ctx context.Context) Origin {
	if o, ok := ctx.Value(OriginKey{}).(*Origin); ok && o != nil {
		return *o
	}
	return Origin{}
}

// complete takes from o what e does not say. What proved the origin's actor proves nobody else.
func (e *Event) complete(o Origin) {
	if e.ActorID == "" && e.ActorName == "" {
		e.ActorID = o.ActorID
	}
	if e.ActorID == o.ActorID && e.ActorName == "" {
		e.ActorName = o.ActorName
	}
	if e.TokenID == "" && e.ActorID == o.ActorID {
		e.TokenID = o.TokenID
	}
	if e.Addr == "" {
		e.Addr = o.Addr
	}
	if e.UserAgent == "" {
		e.UserAgent = clip(o.UserAgent)
	}
}

const maxUserAgent = 256 // bytes

// clip keeps of what a client calls itself what a row may hold.
func clip(s string) string {
	if len(s) > maxUserAgent {
		s = s[:maxUserAgent]
	}
	if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}
