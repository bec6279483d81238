package program

import "testing"

// Cost ends a test before it judges what something costs in time, memory or statements, when it runs with the race detector:
// that takes many times as much, drops a part of what a sync.Pool is given, and leaves time for what runs in the background.
func Cost(t testing.TB) {
	t.Helper()
	if Raced {
		t.Skip("costs are not measured with the race detector")
	}
}
