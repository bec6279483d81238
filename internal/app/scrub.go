package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cairnhub/cairn/internal/fsck"
)

// NewScrub prepares one of its own over this hub's storage, for tests that set the clock.
func (a *App) NewScrub(o fsck.ScrubOptions, log *slog.Logger) *fsck.Scrub {
	d := a.fsckDeps()
	d.Log = log
	return fsck.NewScrub(d, o)
}

// scrubMetrics are what this node has read, and what the hub knows of its storage. The latter is read from the database
// when somebody asks.
type scrubMetrics struct{ a *App }

var (
	scrubBytes   = prometheus.NewDesc("cairn_scrub_bytes_total", "Stored bytes that this node has read and verified in the background.", nil, nil)
	scrubObjects = prometheus.NewDesc("cairn_scrub_objects_total", "Xorbs, packs and pictures that this node has verified in the background.", nil, nil)
	scrubLast    = prometheus.NewDesc("cairn_scrub_last_pass_timestamp_seconds", "When the last pass over all stored bytes ended; 0: none did.", nil, nil)
	scrubRatio   = prometheus.NewDesc("cairn_scrub_pass_ratio", "How much of the pass under way is read.", nil, nil)
	xorbsDamaged = prometheus.NewDesc("cairn_storage_damaged_xorbs", "Xorbs of repositories that are known to be damaged and whose bytes are asked for again, whoever found it out.", nil, nil)
	findingsOpen = prometheus.NewDesc("cairn_storage_findings_open", "Damage that was found and has not been found sound since.", []string{"kind"}, nil)
)

// scrapeTime bounds how long the database may keep a scrape waiting.
const scrapeTime = 2 * time.Second

func (m scrubMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{scrubBytes, scrubObjects, scrubLast, scrubRatio, xorbsDamaged, findingsOpen} {
		out <- d
	}
}

func (m scrubMetrics) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(scrubBytes, prometheus.CounterValue, float64(m.a.scrub.Bytes()))
	out <- prometheus.MustNewConstMetric(scrubObjects, prometheus.CounterValue, float64(m.a.scrub.Objects()))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	s, err := fsck.StatusOf(ctx, m.a.db)
	if err != nil {
		return // an alert on a series that is absent tells it; the rest of the scrape is whole
	}
	last, ratio := 0.0, 0.0
	if !s.LastEnded.IsZero() {
		last = float64(s.LastEnded.Unix())
	}
	if s.Total > 0 {
		ratio = min(float64(s.Done)/float64(s.Total), 1)
	}
	out <- prometheus.MustNewConstMetric(scrubLast, prometheus.GaugeValue, last)
	out <- prometheus.MustNewConstMetric(scrubRatio, prometheus.GaugeValue, ratio)
	out <- prometheus.MustNewConstMetric(xorbsDamaged, prometheus.GaugeValue, float64(s.Marked))
	if len(s.Open) == 0 {
		out <- prometheus.MustNewConstMetric(findingsOpen, prometheus.GaugeValue, 0, "any")
	}
	for kind, n := range s.Open {
		out <- prometheus.MustNewConstMetric(findingsOpen, prometheus.GaugeValue, float64(n), string(kind))
	}
}

// storage says what is known of damage, and how old that knowledge is.
func (c *checkup) storage(ctx context.Context) (string, error) {
	if c.db == nil {
		return "", errSkipped("the database does not answer")
	}
	if version, err := c.db.SchemaVersion(ctx); err != nil || version < scrubSchema {
		return "", errSkipped("there is no hub yet")
	}
	s, err := fsck.StatusOf(ctx, c.db)
	if err != nil {
		return "", err
	}
	if s.Damaged() > 0 || s.Marked > 0 {
		return "", fmt.Errorf("damage is known: %s\ncairn fsck names the files; see docs/fsck.md for what to do", s.Findings())
	}
	period := c.cfg.ScrubPeriod
	if period == 0 {
		return "no damage is known; scrub-period is 0, so nobody looks for it: run cairn fsck --read-data yourself", nil
	}
	text := "no damage is known; " + s.Reading()
	if !s.LastEnded.IsZero() && time.Since(s.LastStarted) > 3*period {
		return "", fmt.Errorf("%s\nthat is longer ago than three times scrub-period: raise scrub-rate, or run cairn fsck --read-data", text)
	}
	return text, nil
}

// scrubSchema is the migration that brought the last of what is asked here.
const scrubSchema = 24
