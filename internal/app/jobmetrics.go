package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// jobMetrics are the queue of all nodes, counted when somebody asks.
type jobMetrics struct{ a *App }

var (
	jobsDesc  = prometheus.NewDesc("cairn_jobs", "Jobs of all nodes by state: waiting, running, failed (given up).", []string{"state"}, nil)
	buildDesc = prometheus.NewDesc("cairn_build_info", "1, with the version of this node's binary and the kind of its database.", []string{"version", "database"}, nil)
)

func (m jobMetrics) Describe(out chan<- *prometheus.Desc) { out <- jobsDesc; out <- buildDesc }

func (m jobMetrics) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(buildDesc, prometheus.GaugeValue, 1, Version, string(m.a.db.Dialect()))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	s, err := m.a.jobs.Stats(ctx)
	if err != nil {
		return // the series is absent, and the rest of the scrape is whole
	}
	for state, n := range map[string]int64{"waiting": s.Waiting, "running": s.Running, "failed": s.Failed} {
		out <- prometheus.MustNewConstMetric(jobsDesc, prometheus.GaugeValue, float64(n), state)
	}
}
