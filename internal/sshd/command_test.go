package sshd

import (
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
)

func TestParseCommand(t *testing.T) {
	for _, row := range []struct {
		line string
		want string // name path args…; empty: refused
	}{
		{"git-upload-pack 'ns/repo.git'", "git-upload-pack ns/repo.git"},
		{"git-upload-pack '/ns/repo'", "git-upload-pack /ns/repo"},
		{"git upload-pack 'ns/repo'", "git-upload-pack ns/repo"},
		{"git-receive-pack ns/repo", "git-receive-pack ns/repo"},
		{`git-receive-pack "datasets/ns/repo"`, "git-receive-pack datasets/ns/repo"},
		{`git-upload-pack 'ns/it'\''s'`, "git-upload-pack ns/it's"},
		{`git-upload-pack 'ns/wow'\!`, "git-upload-pack ns/wow!"},
		{"git-lfs-authenticate 'ns/repo' upload", "git-lfs-authenticate ns/repo upload"},
		{"git-lfs-authenticate ns/repo download 0123", "git-lfs-authenticate ns/repo download 0123"},

		{"", ""},
		{"git-upload-pack", ""},
		{"git", ""},
		{"git upload-pack", ""},
		{"sh", ""},
		{"sh -c id", ""},
		{"git-upload-archive 'ns/repo'", ""},
		{"git-shell ns/repo", ""},
		{"git config --list", ""},
		{"git --exec-path=/tmp upload-pack ns/repo", ""},
		{"git-upload-pack --upload-pack=id ns/repo", ""},
		{"git-upload-pack '--upload-pack=id'", ""},
		{"git-upload-pack -oProxyCommand=id", ""},
		{"git-upload-pack ns/repo extra", ""},
		{"git-receive-pack ns/repo --advertise-refs", ""},
		{"git-lfs-authenticate ns/repo", ""},
		{"git-lfs-authenticate ns/repo upload a b", ""},
		{"git-lfs-transfer ns/repo upload", ""},
		{"git-upload-pack 'ns/repo", ""},
		{`git-upload-pack ns/repo\`, ""},
		{"git-upload-pack ns/repo\nid", ""},
		{"git-upload-pack ns/repo\x00", ""},
		{"git-upload-pack " + strings.Repeat("a", maxCommand), ""},
	} {
		c, ok := parseCommand(row.line)
		got := ""
		if ok {
			got = strings.Join(append([]string{c.name, c.path}, c.args...), " ")
		}
		if got != row.want {
			t.Errorf("%q: %q, want %q", row.line, got, row.want)
		}
	}
	// What a shell would act on is a part of a name here, and names of this kind are not found.
	for _, path := range []string{"$(id)", "`id`", "ns/repo;id", "ns/repo|id", "ns/repo&&id", "ns/repo>x", "~/x", "*"} {
		if c, ok := parseCommand("git-upload-pack " + path); !ok || c.path != path {
			t.Errorf("%q: %q, %v", path, c.path, ok)
		}
	}
}

func TestRepoPath(t *testing.T) {
	for path, want := range map[string]hub.RepoID{
		"ns/repo":               {Type: hub.Model, Namespace: "ns", Name: "repo"},
		"/ns/repo.git":          {Type: hub.Model, Namespace: "ns", Name: "repo"},
		"ns/repo.git/":          {Type: hub.Model, Namespace: "ns", Name: "repo"},
		"datasets/ns/repo":      {Type: hub.Dataset, Namespace: "ns", Name: "repo"},
		"/spaces/ns/r.git":      {Type: hub.Space, Namespace: "ns", Name: "r"},
		"":                      {},
		"/":                     {},
		"repo":                  {},
		"//ns/repo":             {},
		"ns//repo":              {},
		"dataset/ns/repo":       {},
		"kernels/ns/repo":       {},
		"datasets/ns/repo/more": {},
		"../../etc/passwd":      {},
		"ns/.git":               {},
	} {
		if got, _ := repoPath(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("git-upload-pack 'ns/repo.git'")
	f.Add(`git receive-pack "a\"b"`)
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := parseCommand(line)
		if !ok {
			return
		}
		if strings.HasPrefix(c.path, "-") || strings.ContainsAny(c.path, "\n\x00") || len(line) > maxCommand {
			t.Errorf("%q: %+v", line, c)
		}
		if !slices.Contains([]string{"git-upload-pack", "git-receive-pack", "git-lfs-authenticate"}, c.name) {
			t.Errorf("%q runs %q", line, c.name)
		}
	})
}
