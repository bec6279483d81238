//go:build torture

package torture

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

// F18, as far as there is a queue without webhooks: fifty kills while jobs are queued and run.
func TestQueueUnderKills(t *testing.T) {
	t.Log(crash.Queue{Kills: 50, Most: 500 * time.Millisecond, Seed: 1}.Run(t, filepath.Join(t.TempDir(), "data")))
}
