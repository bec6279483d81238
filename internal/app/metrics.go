package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cairnhub/cairn/internal/gitstore"
)

// storageMetrics are what this node has asked of the database, and has done to keep git's storage small.
func (a *App) storageMetrics() []prometheus.Collector {
	counter := func(name, help string, read func(gitstore.Counters) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read(a.git.Counters())) })
	}
	return []prometheus.Collector{
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
		counter("cairn_git_freed_bytes_total", "Bytes of those packs.", func(c gitstore.Counters) int64 { return c.FreedBytes }),
	}
}
