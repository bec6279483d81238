package cluster

import (
	"testing"
	"time"
)

// Three nodes over one PostgreSQL and one S3 store behind nginx, as the example in deploy/three-nodes starts them.
func TestThreeNodes(t *testing.T) {
	c := Start(t)
	// F9, scaled: commits of several clients to one branch, on top of what each saw last.
	t.Run("Swaps", func(t *testing.T) { Swaps{Clients: 8, Commits: 10}.Run(t, c) })
	// F7: the database goes away and comes back.
	t.Run("Outages", func(t *testing.T) { Outages{Restarts: 3, Every: time.Second}.Run(t, c) })
	// One node is killed again and again under load: nothing acknowledged is lost, no wrong byte is served, and clients get
	// over it by their own retries.
	t.Run("Kills", func(t *testing.T) { Kills{Time: 8 * time.Second, Every: 3 * time.Second}.Run(t, c) })
}
