package compat

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cairnhub/cairn/test/cluster"
)

// The same clients, by a balancer that sends each request to whichever of three nodes: what one node was told, the others
// know, and an upload may go in parts through all of them.
func TestClientsOnThreeNodes(t *testing.T) {
	tools := installed(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(binaryVariable, bin)
	n := cluster.Start(t)
	h := &hub{endpoint: n.URL, token: n.Token, env: n.Env(t), data: t.TempDir(), process: &exec.Cmd{Path: bin}}
	c := clients{hub: h, tools: tools, venv: "python", storage: "three nodes", facts: people(t, h)}
	c.facts.Meter = meter(t, func() (int64, error) { return folderSize(filepath.Join(n.Dir, "s3")) })
	for i := range cluster.Nodes {
		c.facts.Nodes = append(c.facts.Nodes, n.NodeURL(i+1))
	}
	c.runAll(t)
	t.Run("git and git-lfs", func(t *testing.T) { newDesk(t, h, tools, "http", "").tour("tour-nodes") })
}
