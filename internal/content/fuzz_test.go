package content

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
)

// FuzzCheckPath: what the rule for names takes, git takes, and no header or line of a log breaks on it.
func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{"a/b", ".git", "a\\.git", ".g\u200cit", "git~1", "..\\x", "a/../b", "é", "\xff", "a\nb", ".gitmodules"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if CheckPath(p) != nil {
			return
		}
		if err := git.CheckPath(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
		if strings.ContainsAny(p, "\r\n\x00") {
			t.Errorf("%q", p)
		}
	})
}

// FuzzCheckRefName: what the rule for refs takes, git takes.
func FuzzCheckRefName(f *testing.F) {
	for _, n := range []string{"main", "a/b", "a..b", "a.lock/b", "@", "a@{b", "-x", "refs/heads/x", "é"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckRefName(name) == nil {
			if err := git.CheckRefName("refs/heads/" + name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
