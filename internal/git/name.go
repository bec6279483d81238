package git

import (
	"fmt"
	"strings"
)

// MaxPath is the longest path that CheckPath takes, in bytes, as on Linux.
const MaxPath = 4096

// CheckPath refuses paths that git refuses to check out: empty components, ".", "..", and ".git" with its disguises.
func CheckPath(path string) error {
	if len(path) > MaxPath {
		return fmt.Errorf("path of %d bytes is longer than %d", len(path), MaxPath)
	}
	for rest, more := path, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if err := CheckName(name); err != nil {
			return err
		}
	}
	return nil
}

// CheckName refuses names of one component as `git fsck --strict` does (fullPathname, hasDot, hasDotdot, hasDotgit).
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("empty path component")
	case name == "." || name == "..":
		return fmt.Errorf("path component %q", name)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("path component %q has a slash or a NUL", name)
	case isDotGit(name):
		return fmt.Errorf("path component %q stands for .git", name)
	}
	return nil
}

// IsGitModules reports whether some file system would take the name for .gitmodules.
func IsGitModules(name string) bool { return stands(name, "gitmodules", "gi7eba") }

// IsGitAttributes reports whether some file system would take the name for .gitattributes.
func IsGitAttributes(name string) bool { return stands(name, "gitattributes", "gi7d29") }

// stands reports whether a name stands for "." and long on HFS+, or on NTFS with what it ignores at a name's end and the
// short names that it makes: the first six letters and a number up to 4, later two letters and four digits of a hash
// (is_ntfs_dot_generic in git's path.c).
func stands(name, long, hashed string) bool {
	if strings.EqualFold(dropIgnorable(name), "."+long) {
		return true
	}
	name, _, _ = strings.Cut(name, ":")
	name = strings.ToLower(strings.TrimRight(name, " ."))
	if name == "."+long {
		return true
	}
	short, number, ok := strings.Cut(name, "~")
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" || number[0] == '0' {
		return false
	}
	return short == long[:6] && len(number) == 1 && number[0] <= '4' || len(name) == 8 && strings.HasPrefix(hashed, short)
}

func isDotGit(name string) bool {
	if strings.EqualFold(dropIgnorable(name), ".git") {
		return true
	}
	// A Windows client splits at backslashes, so each part must be harmless.
	for rest, more := name, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, `\`)
		if ntfsNamed(part, ".git", "git~1") {
			return true
		}
	}
	return false
}

// ntfsNamed reports whether NTFS would open name as one of long or short: it ignores case, trailing spaces and dots,
// and takes what follows a colon as a stream of the file.
func ntfsNamed(name, long, short string) bool {
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimRight(name, " .")
	return strings.EqualFold(name, long) || strings.EqualFold(name, short)
}

// dropIgnorable drops the code points that HFS+ ignores in names (the list of git's utf8.c and Apple's TN1150).
func dropIgnorable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, name)
}
