package content

import (
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/errs"
)

// Bounds of a file's path, in bytes.
const (
	maxPath      = 1000
	maxComponent = 255
)

// CheckPath is the one rule about file names, called by every door that writes. It refuses what leaves the repository,
// what git or a checkout on any system would take for the .git folder, and what no header or log can carry; every
// other name is kept byte for byte.
func CheckPath(p string) error {
	switch {
	case p == "":
		return errs.New(errs.Unprocessable, "A file needs a path.")
	case len(p) > maxPath:
		return errs.New(errs.Unprocessable, "The path is longer than %d bytes.", maxPath)
	case !utf8.ValidString(p):
		return errs.New(errs.Unprocessable, "The path is not valid UTF-8.")
	case strings.ContainsFunc(p, func(c rune) bool { return c < 0x20 || c == 0x7f }):
		return errs.New(errs.Unprocessable, "The path %q holds a control character.", p)
	case strings.HasPrefix(p, `..\`):
		return errs.New(errs.Unprocessable, "The path %q leads out of the repository.", p)
	}
	for rest, more := p, true; more; {
		var c string
		if c, rest, more = strings.Cut(rest, "/"); more && readByGit(c) {
			return errs.New(errs.Unprocessable, "In the path %q, %q must be a file: git takes no folder of that name.", p, c)
		}
		if err := checkComponent(p, c); err != nil {
			return err
		}
	}
	return nil
}

func checkComponent(path, c string) error {
	switch {
	case c == "":
		return errs.New(errs.Unprocessable, "The path %q has an empty part: it may not begin or end with a slash or hold two in a row.", path)
	case c == "." || c == "..":
		return errs.New(errs.Unprocessable, "The path %q leads out of the repository.", path)
	case len(c) > maxComponent:
		return errs.New(errs.Unprocessable, "A part of the path %q is longer than %d bytes.", path, maxComponent)
	case isDotGit(c):
		return errs.New(errs.Unprocessable, "The path %q would touch git's own folder.", path)
	}
	return nil
}

// isDotGit knows .git in its disguises: other case, NTFS short name, trailing dots, spaces and streams, the characters
// that HFS+ ignores, and backslashes that Windows takes for separators (git's fsck: hasDotgit).
func isDotGit(c string) bool {
	c = strings.ToLower(strings.Map(dropIgnored, c))
	for part := range strings.SplitSeq(c, `\`) {
		part, _, _ = strings.Cut(part, ":")
		part = strings.TrimRight(part, ". ")
		if part == ".git" || part == "git~1" {
			return true
		}
	}
	return false
}

// dropIgnored removes the code points that HFS+ ignores when it compares names.
func dropIgnored(c rune) rune {
	switch {
	case c >= 0x200c && c <= 0x200f, c >= 0x202a && c <= 0x202e, c >= 0x206a && c <= 0x206f, c == 0xfeff:
		return -1
	}
	return c
}
