package repo

import (
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
)

// MaxName bounds namespace/name, as the clients check it.
const MaxName = 96

// CheckName applies the rules of repository names: letters, digits, dot, underscore and hyphen; no "--" or "..", no dot
// or hyphen at either end, not ending in ".git" or ".ipynb". The whole id, namespace included, has at most MaxName bytes.
func CheckName(namespace, name string) error {
	switch {
	case name == "":
		return errs.New(errs.Invalid, "The repository's name is missing")
	case len(namespace)+1+len(name) > MaxName:
		return errs.New(errs.Invalid, "Invalid repo name: the id is longer than %d characters", MaxName)
	case strings.ContainsFunc(name, notNameRune):
		return errs.New(errs.Invalid, "Invalid repo name: %q. Only letters, digits, '-', '_' and '.' are allowed", clip(name))
	case strings.Contains(name, "--"), strings.Contains(name, ".."):
		return errs.New(errs.Invalid, "Invalid repo name: %q. '--' and '..' are forbidden", clip(name))
	case strings.ContainsAny(name[:1]+name[len(name)-1:], "-."):
		return errs.New(errs.Invalid, "Invalid repo name: %q. '-' and '.' cannot start or end the name", clip(name))
	case hasSuffixFold(name, ".git"), hasSuffixFold(name, ".ipynb"):
		return errs.New(errs.Invalid, "Invalid repo name: %q. The name cannot end with .git or .ipynb", clip(name))
	}
	return nil
}

func notNameRune(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// clip keeps a caller's text in a message short.
func clip(s string) string {
	if len(s) > MaxName {
		return s[:MaxName] + "…"
	}
	return s
}
