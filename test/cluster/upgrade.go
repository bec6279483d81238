package cluster

import (
	"context"
	_ "embed" // the version before
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// previous is the commit of the version before this one, which serves beside it while a hub is upgraded.
//
//go:embed previous
var previous string

// Previous builds the version before this one, once per machine, from the repository's history.
func Previous(t testing.TB) string {
	t.Helper()
	commit := strings.TrimSpace(previous)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(cache, "cairn-test", "bin", "cairn-"+commit)
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	src := t.TempDir()
	archive := exec.Command("/bin/sh", "-c", `git -C "$1" archive "$2" | tar -x -C "$3"`, "sh", filepath.Dir(filepath.Dir(scripts())), commit, src)
	if out, err := archive.CombinedOutput(); err != nil {
		t.Fatalf("take commit %s from the history (git fetch --unshallow brings what a shallow clone lacks): %v\n%s", commit, err, out)
	}
	build := exec.Command("go", "build", "-o", bin+".new", "./cmd/cairn")
	build.Dir, build.Env = src, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the version before: %v\n%s", err, out)
	}
	if err := os.Rename(bin+".new", bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// Upgrade brings a cluster of the version before to this one, node by node under load, and then restarts it node by node.
type Upgrade struct {
	Mixed time.Duration // how long each mixture of versions serves
}

// Run fails the test for what is lost or wrong, and for every answer of 500. From this version on, for every failure.
func (u Upgrade) Run(t *testing.T) {
	bin := Previous(t)
	c := StartWith(t, bin)
	client, l := c.Client(), c.Ledger(t)
	ctx, stop := context.WithCancel(context.Background())
	var load sync.WaitGroup
	load.Go(func() { c.load(ctx, t, client) })
	wait(ctx, u.Mixed)
	c.use(t)
	for n := 1; n <= Nodes; n++ {
		c.Node(t, n, "stop")
		c.Node(t, n, "start")
		c.Await(t, n)
		wait(ctx, u.Mixed)
	}
	stop()
	load.Wait()
	for _, w := range append(l.Check(client, true), client.Complaints()...) {
		t.Error(w)
	}
	t.Logf("three nodes from commit %.12s to this version under load: %d operations acknowledged with %d files, lost 0, answers of 500: 0; %d broken off by a node's stop (done %d, not done %d)",
		previous, l.Acknowledged, l.Files, l.Opened, l.Done, l.Undone)
	u.restart(t, c)
}

// restart replaces each node by hand-over: here nothing at all may fail.
func (u Upgrade) restart(t *testing.T, c *Cluster) {
	client := c.Client()
	client.Tries, client.Proxied = 1, false
	l := c.Ledger(t)
	was := l.Figures
	ctx, stop := context.WithCancel(context.Background())
	var load sync.WaitGroup
	load.Go(func() { c.load(ctx, t, client) })
	for n := 1; n <= Nodes; n++ {
		wait(ctx, u.Mixed)
		c.Node(t, n, "restart")
	}
	wait(ctx, u.Mixed)
	stop()
	load.Wait()
	for _, w := range append(l.Check(client, true), client.Complaints()...) {
		t.Error(w)
	}
	if n := l.Opened - was.Opened; n > 0 {
		t.Errorf("%d operations had no answer", n)
	}
	t.Logf("three nodes restarted by hand-over under load: %d operations acknowledged, %d failed", l.Acknowledged-was.Acknowledged, l.Opened-was.Opened)
}

// use has nodes that start from now on run this version.
func (c *Cluster) use(t testing.TB) {
	t.Helper()
	link := filepath.Join(c.Dir, "bin/cairn")
	if err := os.Symlink(binaryUnderTest(t), link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(fmt.Errorf("put the new version in place: %w", err))
	}
}
