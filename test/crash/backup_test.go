package crash

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// F11: backups while clients commit, upload, delete and the hub collects. Whatever was acknowledged before the first one began
// is in the hub that is made of it. A backup of the quiet hub goes to PostgreSQL and S3 and back, and the ledger is equal on
// each; every byte of all three is checked.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	h := NewHub(t, filepath.Join(dir, "data"), noGrace...)
	h.MustStart(t)
	before := NewLedger()
	c := NewClient(h)
	Setup(t, c, before)
	load(t, c, before, 1, 700*time.Millisecond)
	complain(t, 1, before.Check(c, true))

	after := before.clone()
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	go func() { defer close(loaded); Load(ctx, t, c, after, 2) }()
	shelf := filepath.Join(dir, "shelf")
	h.Run(t, "", "backup", shelf)
	killBackups(t, h, shelf, 3)
	collect(t, h)
	h.Run(t, "", "backup", shelf)
	stop()
	<-loaded
	ids := backupIDs(t, h, shelf)
	if len(ids) < 2 {
		t.Fatal("backups:", ids)
	}
	t.Logf("before the first backup: %d operations acknowledged with %d files; while backups ran: %d", before.Acknowledged, before.Files, after.Acknowledged)
	h.Run(t, "", "backup", "verify", shelf, "--read-data")
	first := restored(t, h, shelf, ids[0])
	complain(t, 1, before.lost(NewClient(first)))
	first.Kill()

	complain(t, 2, after.Check(c, true)) // what was under way when the load ended is known from here on
	h.Run(t, "", "backup", shelf)
	far := restored(t, h, shelf, "", append(scaled(t), noGrace...)...)
	complain(t, 2, after.Check(NewClient(far), true))
	shelf = filepath.Join(dir, "far")
	far.Run(t, "", "backup", shelf)
	back := restored(t, h, shelf, "")
	complain(t, 2, after.Check(NewClient(back), true))
}

// collect collects beside a load, which may change a repository too fast for that when the machine is slow.
func collect(t *testing.T, h *Hub) {
	t.Helper()
	out, err := h.Try("gc")
	if err != nil && !strings.Contains(out, "changes too fast to be collected now") {
		t.Errorf("cairn gc: %v\n%s", err, out)
	}
}

func load(t *testing.T, c *Client, l *Ledger, round int, lasts time.Duration) {
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	Load(ctx, t, c, l, round)
}

// clone is a ledger of the same hub, for what comes next.
func (l *Ledger) clone() *Ledger {
	n := NewLedger()
	n.holds = maps.Clone(l.holds)
	return n
}

// lost is what a hub lacks, or has otherwise, of what was acknowledged. It may have more.
func (l *Ledger) lost(c *Client) []string {
	return readAll(slices.Collect(maps.Keys(l.holds)), func(k Key) string { return l.look(c, k) })
}

// killBackups begins backups and kills each at some moment.
func killBackups(t *testing.T, h *Hub, shelf string, times int) {
	t.Helper()
	bin, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range times {
		cmd := exec.Command(bin, "backup", shelf, "--data", h.Data)
		cmd.Env = append(os.Environ(), h.env...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(60+90*n)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // some may get through
		timer.Stop()
	}
}

// backupIDs are the backups that are whole, oldest first.
func backupIDs(t *testing.T, h *Hub, shelf string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(h.Run(t, "", "backup", "list", shelf)) {
		if id, rest, _ := strings.Cut(line, " "); strings.Contains(rest, " rows, ") {
			ids = append(ids, id)
		}
	}
	return ids
}

// restored makes a hub of a backup, reads every byte of it, and starts it.
func restored(t *testing.T, of *Hub, shelf, id string, env ...string) *Hub {
	t.Helper()
	h := NewHub(t, filepath.Join(t.TempDir(), "restored"), env...)
	h.Token = of.Token
	args := []string{"restore", shelf}
	if id != "" {
		args = append(args, id)
	}
	h.Run(t, "", args...)
	h.Run(t, "", "fsck", "--read-data")
	h.MustStart(t)
	return h
}
