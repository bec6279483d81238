package oauth

import (
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// What the Hub's applications may ask for, and what it takes here: a token is for reading or for all that its user may.
var scopes = map[string]hub.TokenRole{
	"openid": hub.TokenRead, "profile": hub.TokenRead, "email": hub.TokenRead, "read-billing": hub.TokenRead,
	"read-repos": hub.TokenRead, "read-collections": hub.TokenRead, "gated-repos": hub.TokenRead, "read-memberships": hub.TokenRead,
	"contribute-repos": hub.TokenWrite, "write-repos": hub.TokenWrite, "manage-repos": hub.TokenWrite,
	"write-discussions": hub.TokenWrite, "write-collections": hub.TokenWrite,
}

// unbuilt are the Hub's scopes for what this hub does not have.
var unbuilt = []string{"inference-api", "jobs", "webhooks"}

const (
	// defaultScope is what a client gets that names none, as the Hub's own command line does.
	defaultScope = "openid profile read-repos write-repos manage-repos"
	maxScope     = 512
)

// checkScope sorts out what a client asks for. Each scope once, in the order given.
func checkScope(asked string) (string, error) {
	if len(asked) > maxScope {
		return "", Refuse(InvalidScope, "The scope is longer than %d characters.", maxScope)
	}
	words := strings.Fields(asked)
	if len(words) == 0 {
		return defaultScope, nil
	}
	var out []string
	for _, w := range words {
		switch _, known := scopes[w]; {
		case slices.Contains(unbuilt, w):
			return "", Refuse(InvalidScope, "This hub does not have what the scope %s is for.", w)
		case !known:
			return "", Refuse(InvalidScope, "This hub does not know one of the scopes that were asked for.")
		case !slices.Contains(out, w):
			out = append(out, w)
		}
	}
	return strings.Join(out, " "), nil
}

// roleOf is the most that a scope allows.
func roleOf(scope string) hub.TokenRole {
	for w := range strings.FieldsSeq(scope) {
		if scopes[w] == hub.TokenWrite {
			return hub.TokenWrite
		}
	}
	return hub.TokenRead
}

// narrow is the part of a scope that a role allows.
func narrow(scope string, role hub.TokenRole) string {
	if role == hub.TokenWrite {
		return scope
	}
	words := strings.Fields(scope)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return scopes[w] == hub.TokenWrite }), " ")
}

// HasScope reports whether a scope holds a word.
func HasScope(scope, word string) bool { return slices.Contains(strings.Fields(scope), word) }
