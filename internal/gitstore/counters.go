package gitstore

import "sync/atomic"

// counters add up what this process has done.
type counters struct {
	folds, collections     atomic.Int64
	collectedObjects       atomic.Int64
	collectedBytes         atomic.Int64
	freedPacks, freedBytes atomic.Int64
}

// Counters are what this process has done since it began.
type Counters struct {
	Folds            int64
	Collections      int64 // that removed objects
	CollectedObjects int64
	CollectedBytes   int64 // of packs before less those after
	FreedPacks       int64
	FreedBytes       int64
}

// Counters are read for metrics.
func (s *Store) Counters() Counters {
	c := &s.counters
	return Counters{c.folds.Load(), c.collections.Load(), c.collectedObjects.Load(), c.collectedBytes.Load(), c.freedPacks.Load(), c.freedBytes.Load()}
}
