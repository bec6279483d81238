package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cairnhub/cairn/internal/blob/cache"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// storageMetrics are what this node has asked of the database, and has done to keep git's storage small.
func (a *App) storageMetrics() []prometheus.Collector {
	counter := func(name, help string, read func(gitstore.Counters) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read(a.git.Counters())) })
	}
	return append(a.cacheMetrics(), []prometheus.Collector{
		scrubMetrics{a}, jobMetrics{a}, copyMetrics{a},
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cairn_db_statements_total", Help: "Statements that this node has run on the database."},
			func() float64 { return float64(a.db.Statements()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cairn_password_hashes_total", Help: "Passwords that this node has hashed, to check or to keep them."},
			func() float64 { return float64(a.accounts.Hashes()) }),
		counter("cairn_git_folds_total", "Times that small packs were folded into a larger one.", func(c gitstore.Counters) int64 { return c.Folds }),
		counter("cairn_git_collections_total", "Times that objects which no ref reaches were removed from a repository.", func(c gitstore.Counters) int64 { return c.Collections }),
		counter("cairn_git_collected_objects_total", "Objects removed because no ref reaches them.", func(c gitstore.Counters) int64 { return c.CollectedObjects }),
		counter("cairn_git_collected_bytes_total", "Bytes by which packs became smaller when objects were removed.", func(c gitstore.Counters) int64 { return c.CollectedBytes }),
		counter("cairn_git_freed_packs_total", "Stored packs deleted because nothing named them.", func(c gitstore.Counters) int64 { return c.FreedPacks }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cairn_xet_freed_xorbs_total", Help: "Xorbs deleted because no file is made of them."},
			func() float64 { return float64(a.xet.Counters().Xorbs) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cairn_xet_freed_bytes_total", Help: "Bytes of those xorbs."},
			func() float64 { return float64(a.xet.Counters().Bytes) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cairn_xet_unfreed_bytes", Help: "Bytes of xorbs that are out of the rows and not deleted yet; NaN if the database does not say."}, a.unfreed),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cairn_xet_collect_last_success_timestamp_seconds", Help: "When this node last went through all xorbs that nothing needs; 0: not yet."},
			func() float64 { return float64(a.collected.Load()) }),
		counter("cairn_git_freed_bytes_total", "Bytes of those packs.", func(c gitstore.Counters) int64 { return c.FreedBytes }),
	}...)
}

// cacheMetrics are what the cache of objects does, where there is one.
func (a *App) cacheMetrics() []prometheus.Collector {
	c, ok := a.blobs.(*cache.Store)
	if !ok {
		return nil
	}
	counter := func(name, help string, read func(cache.Counters) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read(c.Counters())) })
	}
	return []prometheus.Collector{
		counter("cairn_object_cache_hits_total", "Blocks of objects that readers found on this node, or on the way to it.", func(n cache.Counters) int64 { return n.Hits }),
		counter("cairn_object_cache_misses_total", "Blocks of objects that readers had to have fetched.", func(n cache.Counters) int64 { return n.Misses }),
		counter("cairn_object_cache_fetched_bytes_total", "Bytes that the cache has fetched from the store.", func(n cache.Counters) int64 { return n.FetchedBytes }),
		counter("cairn_object_cache_evicted_total", "Blocks that made room for others.", func(n cache.Counters) int64 { return n.Evicted }),
		counter("cairn_object_cache_rotten_total", "Blocks that were damaged on this node's disk and fetched again.", func(n cache.Counters) int64 { return n.Rotten }),
		counter("cairn_object_cache_disk_failures_total", "Times that this node's disk refused a block.", func(n cache.Counters) int64 { return n.DiskFailures }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cairn_object_cache_bytes", Help: "Bytes of objects that this node keeps."},
			func() float64 { return float64(c.Counters().Bytes) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cairn_object_cache_waiting_fetches", Help: "Fetches that wait for their turn."},
			func() float64 { return float64(c.Counters().FetchesWaiting) }),
	}
}
