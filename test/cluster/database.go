package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/test/crash"
)

// Outages of the database under three nodes at work.
type Outages struct {
	Restarts int           // by pg_ctl -m immediate, which is a crash of PostgreSQL
	Every    time.Duration // between them
}

// Run fails the test for what is lost, done twice, answered with anything but success, a refusal or 503, or hangs.
func (o Outages) Run(t *testing.T, c *Cluster) {
	client, l := c.Client(), c.Ledger(t)
	was := l.Figures
	client.Proxied = false                    // all nodes live: nothing but their own answers
	client.HTTP.Timeout = 2 * time.Minute     // what takes longer hangs
	once := &counter{c: client, repo: "once"} // commits that must not be made twice
	if a := client.CreateRepo(once.repo); !a.OK() {
		t.Fatal(a)
	}
	d := c.openDB(t)
	ctx, stop := context.WithCancel(context.Background())
	var load sync.WaitGroup
	load.Go(func() { once.run(ctx, t) })
	load.Go(func() { c.load(ctx, t, client) })
	var worst time.Duration
	recovered := func(t *testing.T) {
		t.Helper()
		worst = max(worst, once.next(t))
	}
	recovered(t)
	t.Run("restarts", func(t *testing.T) {
		for range o.Restarts {
			wait(ctx, o.Every)
			c.postgres(t, "-m", "immediate", "-w", "-t", "60", "restart")
			recovered(t)
		}
	})
	t.Run("ended connections", func(t *testing.T) {
		for range 5 {
			wait(ctx, o.Every/10)
			c.sql(t, d, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cairn%' AND pid <> pg_backend_pid()")
			recovered(t)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		c.sql(t, d, "ALTER ROLE cairn SET default_transaction_read_only = on")
		c.sql(t, d, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cairn%' AND pid <> pg_backend_pid()")
		wait(ctx, o.Every/2)
		if a := client.Resolve("small-0", "main", "first.txt"); !a.OK() {
			t.Errorf("reads do not work on a read-only database: %s", a)
		}
		c.writable(t)
		recovered(t)
	})
	stop()
	load.Wait()
	for _, w := range append(l.Check(client, true), client.Complaints()...) {
		t.Error(w)
	}
	made := clone(t, c, once.repo)
	files, _, err := client.Tree(once.repo, "main")
	if n := len(files); err != nil || len(made) != n || n < int(once.done.Load()) {
		t.Errorf("%d files, of which %d were acknowledged, in %d commits: a commit was lost or made twice (%v)", n, once.done.Load(), len(made), err)
	}
	t.Logf("%d restarts of PostgreSQL, 5 times all connections ended, once read-only: %d + %d operations acknowledged, lost 0, doubled 0; %d commits answered 503; %d open operations (done %d, not done %d); first write %d ms after the database was back at most",
		o.Restarts, l.Acknowledged-was.Acknowledged, once.done.Load(), once.failed.Load(), l.Opened-was.Opened, l.Done-was.Done, l.Undone-was.Undone, worst.Milliseconds())
	checkPool(t, d)
}

// counter makes one commit after the other, each with a file of its own, and sends none twice.
type counter struct {
	c    *crash.Client
	repo string

	done, failed atomic.Int64
}

func (n *counter) run(ctx context.Context, t *testing.T) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprint("n", i)
		a := n.c.Commit(n.repo, "main", []crash.Change{{Path: name, Data: []byte(name)}})
		switch {
		case a.OK():
			n.done.Add(1)
		case a.Status == http.StatusServiceUnavailable:
			n.failed.Add(1)
			wait(ctx, 20*time.Millisecond)
		default:
			t.Errorf("a commit: %s", a)
		}
	}
}

// next waits for the next commit that succeeds and returns how long that took.
func (n *counter) next(t *testing.T) time.Duration {
	t.Helper()
	begun, was := time.Now(), n.done.Load()
	for n.done.Load() == was {
		if time.Since(begun) > time.Minute {
			t.Fatal("commits do not go on")
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begun)
}

// sql runs a statement beside the nodes; one that ends connections may end others' that are just being made.
func (c *Cluster) sql(t *testing.T, d *db.DB, statement string) {
	t.Helper()
	var err error
	for range 20 {
		if _, err = d.Exec(context.Background(), statement); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
}

// writable ends the read-only time, by a session that says so for itself.
func (c *Cluster) writable(t *testing.T) {
	t.Helper()
	for _, kv := range c.Env(t) {
		if url, ok := strings.CutPrefix(kv, "CAIRN_DATABASE_URL="); ok {
			c.sql(t, dbtest.Open(t, url+"&default_transaction_read_only=off"), "ALTER ROLE cairn RESET default_transaction_read_only")
		}
	}
}

// postgres runs pg_ctl on the cluster's server as its user.
func (c *Cluster) postgres(t *testing.T, args ...string) {
	t.Helper()
	bin, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if err != nil || len(bin) == 0 {
		bin = []string{"pg_ctl"}
	}
	line := append([]string{bin[len(bin)-1], "-D", filepath.Join(c.Dir, "postgres/data"), "-l", filepath.Join(c.Dir, "log/postgres.log")}, args...)
	if os.Getuid() == 0 {
		line = append([]string{"runuser", "-u", "postgres", "--"}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = "/"
	if err := cmd.Run(); err != nil { // without its output: the server would keep the pipe open
		t.Fatalf("%s: %v", strings.Join(line, " "), err)
	}
}

// checkPool looks for connections that are more than the nodes may have, or that were left in a transaction.
func checkPool(t *testing.T, d *db.DB) {
	t.Helper()
	const query = "SELECT COUNT(*) AS open, COUNT(*) FILTER (WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '10 s') AS stuck FROM pg_stat_activity WHERE application_name LIKE 'cairn%'"
	var n struct{ Open, Stuck int }
	if err := d.Get(context.Background(), &n, query); err != nil {
		t.Fatal(err)
	}
	if most := (Nodes + 1) * 16; n.Open > most || n.Stuck > 0 { // up.sh sets 16; this process has a pool as well
		t.Errorf("%d connections, at most %d are right; %d were left in a transaction", n.Open, most, n.Stuck)
	}
}
