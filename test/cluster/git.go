package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

type commit struct {
	id      string
	parents []string
}

// clone fetches a repository through the balancer and lists the commits of its branch main, newest first.
func clone(t *testing.T, c *Cluster, repo string) (line []commit) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), repo)
	git(t, "clone", "--quiet", "--bare", strings.Replace(c.URL, "http://", "http://admin:"+c.Token+"@", 1)+"/admin/"+repo, dir)
	for row := range strings.Lines(git(t, "-C", dir, "rev-list", "--parents", "--topo-order", "main")) {
		ids := strings.Fields(row)
		line = append(line, commit{ids[0], ids[1:]})
	}
	return line
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
