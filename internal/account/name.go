package account

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	minName    = 2
	maxName    = 42
	maxOddName = 96 // with SkipNameCheck, in bytes: what still fits where clients keep names
	nameAdvice = "2 to 42 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit, without two punctuation characters in a row"
	oddAdvice  = "1 to 96 bytes without slashes, backslashes, control characters, '%', '?' or '#'"
)

var (
	nameShape = regexp.MustCompile(`^[A-Za-z0-9]+([-_.][A-Za-z0-9]+)*$`)
	allDigits = regexp.MustCompile(`^[0-9]+$`)
)

// routed are first segments of paths that Cairn serves. A namespace of that name could not be reached, so even
// SkipNameCheck does not allow it.
var routed = set(`
	api datasets spaces models kernels buckets collections papers jobs organizations users resolve
	login logout join signup settings new search admin-routes metrics healthz readyz
	avatars well-known v1 v2 xorb xorbs shard shards chunk reconstruction reconstructions chunks xet cas lfs s3 dav oci device oauth oauth2 oidc scim sso
	assets static web favicon.ico robots.txt front cdn-cgi info git`)

// reserved are names that Cairn may come to need, or that would pass for the hub itself.
var reserved = set(`
	about account accounts activity admin-panel administrator anonymous app apps auth avatar backup billing blog
	bucket bundle cairn chat collection console contact dashboard dataset default deleted devices discussions docs
	documentation download downloads edit enterprise events explore export feed files forgot-password forum ghost
	graphql hardware health help home hub import inbox index inference integrations invitations invite kernel
	languages leaderboard learn libraries likes me metric mirror model moderation nobody notifications null
	org organisation organisations organization orgs owner paper password pipelines playground posts pricing
	privacy profile public register repo repos repositories reset-password root rss security session sessions
	sitemap.xml space sql staff status storage subscribe support system tags tasks team teams terms
	terms-of-service token tokens trending undefined unsubscribe upload uploads user viewer webhook webhooks welcome
	whoami widgets`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// CheckName says whether a user or organisation may be called name. With skip only names that no URL could hold are
// refused: an importer keeps what its source allowed.
func CheckName(name string, skip bool) error {
	key := nameKey(name)
	switch {
	case skip && !fitsURL(name):
		return errs.New(errs.Invalid, "Invalid name %q: use %s", name, oddAdvice)
	case routed[key], !skip && reserved[key]:
		return errs.New(errs.Invalid, "The name %q is reserved: choose another one", name)
	case skip:
		return nil
	case len(name) < minName, len(name) > maxName, !nameShape.MatchString(name):
		return errs.New(errs.Invalid, "Invalid name %q: use %s", name, nameAdvice)
	case allDigits.MatchString(name):
		return errs.New(errs.Invalid, "Invalid name %q: it must not consist of digits only", name)
	case strings.HasSuffix(key, ".git"):
		return errs.New(errs.Invalid, "Invalid name %q: it must not end in .git", name)
	}
	return nil
}

func fitsURL(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxOddName || !utf8.ValidString(name) {
		return false
	}
	if strings.TrimSpace(name) != name || strings.HasPrefix(name, ".well-known") {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return strings.ContainsRune(`/\%?#`, c) || unicode.IsControl(c) || unicode.Is(unicode.Cf, c)
	})
}

// nameKey is the form that names are compared by.
func nameKey(name string) string { return strings.ToLower(name) }
