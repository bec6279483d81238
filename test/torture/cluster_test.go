//go:build torture

package torture

import (
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/cluster"
)

// F16, long: a thousand requests a second for a minute, and five restarts.
func TestManyRestarts(t *testing.T) {
	cluster.Restarts{Rate: 1000, Time: time.Minute, Times: 5}.Run(t)
}

// Three nodes behind nginx, long: one is killed every five seconds for two minutes, PostgreSQL crashes twenty times (F7),
// and eight clients make a thousand commits each on top of one branch.
func TestThreeNodesForLong(t *testing.T) {
	c := cluster.Start(t)
	t.Run("Kills", func(t *testing.T) { cluster.Kills{Time: 2 * time.Minute, Every: 5 * time.Second}.Run(t, c) })
	t.Run("Outages", func(t *testing.T) { cluster.Outages{Restarts: 20, Every: 3 * time.Second}.Run(t, c) })
	t.Run("Swaps", func(t *testing.T) { cluster.Swaps{Clients: 8, Commits: 1000}.Run(t, c) })
}

// The version before and this one serve side by side while a cluster is upgraded node by node.
func TestRollingUpgrade(t *testing.T) {
	cluster.Upgrade{Mixed: 10 * time.Second}.Run(t)
}
