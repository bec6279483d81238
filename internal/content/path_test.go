package content

import (
	"strings"
	"testing"
)

func TestCheckPath(t *testing.T) {
	t.Parallel()
	legal := []string{
		"a", "a/b", "README.md", "a b", "C:x", "CON", "a\\b", `folder/..\..\..\file`, "é", "e\u0301", "\u202eabc", "100%25.txt", "%2e%2e",
		"...", ".gitignore", ".gitattributes", ".github/x", "git", "x.git", ".git2", "a#b?c", strings.Repeat("x", 255), "a/.gitmodules.txt",
	}
	illegal := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "a/../b", "./a", "..\\ddd", ".git", ".GIT", "a/.Git/x", "git~1", "GIT~1/x", ".git ", ".git.",
		".git. .", ".g\u200cit", "\ufeff.git", ".git\\x", "a\\.git", ".git:x", ".git::$INDEX_ALLOCATION", "a\x00b", "a\nb", "a\rb", "\xff", "\xed\xa0\x80",
		strings.Repeat("x", 256), strings.Repeat("x/", 501), "a\x7f",
	}
	for _, p := range legal {
		if err := CheckPath(p); err != nil {
			t.Errorf("%q refused: %v", p, err)
		}
	}
	for _, p := range illegal {
		if CheckPath(p) == nil {
			t.Errorf("%q accepted", p)
		}
	}
}

func TestCheckRefName(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"main", "a/b", "v1.0", "ä", "a-b", "feature/x.y"} {
		if err := CheckRefName(n); err != nil {
			t.Errorf("%q refused: %v", n, err)
		}
	}
	for _, n := range []string{"", "-x", "a..b", "a b", "a~b", "a^", "a:b", "a?", "*", "[", `a\b`, "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a/b.lock/c", "a.", "@", "a@{b", "HEAD",
		"refs/heads/x", "\x01", strings.Repeat("a", 251), strings.Repeat("a", 40)} {
		if CheckRefName(n) == nil {
			t.Errorf("%q accepted", n)
		}
	}
}
