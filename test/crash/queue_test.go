package crash

import (
	"path/filepath"
	"testing"
	"time"
)

// What was queued is done, at least once and under one identity, whenever the hub is killed: jobs are here e-mails.
func TestQueueUnderKills(t *testing.T) {
	t.Log(Queue{Kills: 6, Most: 200 * time.Millisecond, Seed: 1}.Run(t, filepath.Join(t.TempDir(), "data")))
}
