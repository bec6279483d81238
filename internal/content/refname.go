package content

import (
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const maxRefName = 250

// CheckRefName is git's rule for ref names (git-check-ref-format(1)), on the short name of a branch or tag.
func CheckRefName(name string) error {
	bad := name == "" || len(name) > maxRefName || !utf8.ValidString(name) || name == "@" || name == "HEAD" ||
		strings.HasPrefix(name, "-") || strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, ".") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.ContainsFunc(name, func(c rune) bool { return c <= 0x20 || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c) })
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if _, err := hub.ParseOID(name); err == nil {
		bad = true // would be taken for a commit
	}
	if bad {
		return errs.New(errs.Invalid, "%q is not a valid name for a branch or tag.", name)
	}
	return nil
}
