package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cairnhub/cairn/internal/backup"
)

// copyMetrics are when the hub was last copied, read from the database when somebody asks: cairn backup is a process of its
// own, on any machine.
type copyMetrics struct{ a *App }

var (
	lastBackup    = prometheus.NewDesc("cairn_backup_last_success_timestamp_seconds", "The moment that the newest backup which came to its end is of; 0: there was none.", nil, nil)
	lastCatalogue = prometheus.NewDesc("cairn_catalogue_last_success_timestamp_seconds", "The moment that the newest catalogue beside the objects is of; 0: there was none.", nil, nil)
)

func (m copyMetrics) Describe(out chan<- *prometheus.Desc) { out <- lastBackup; out <- lastCatalogue }

func (m copyMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	made, err := backup.LastMade(ctx, m.a.db)
	if err != nil {
		return // the series are absent, and the rest of the scrape is whole
	}
	for desc, c := range map[*prometheus.Desc]backup.Copy{lastBackup: made.Backup, lastCatalogue: made.Catalogue} {
		at := 0.0
		if !c.Taken.IsZero() {
			at = float64(c.Taken.Unix())
		}
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, at)
	}
}

const (
	copiesSchema = 29                 // the migration that brought what is asked here
	oldBackup    = 3 * 24 * time.Hour // longer than a night or two that failed
)

// backups says how old the newest copies are. That there is none is no failure: a hub works without, and copies may be made
// by other means.
func (c *checkup) backups(ctx context.Context) (string, error) {
	if c.db == nil {
		return "", errSkipped("the database does not answer")
	}
	if version, err := c.db.SchemaVersion(ctx); err != nil || version < copiesSchema {
		return "", errSkipped("there is no hub yet, or cairn serve has not migrated it")
	}
	made, err := backup.LastMade(ctx, c.db)
	if err != nil {
		return "", err
	}
	now := c.db.Now()
	catalogue := "; the catalogue beside the objects is of " + age(made.Catalogue, now)
	switch {
	case made.Catalogue.Taken.IsZero():
		catalogue = "; no catalogue lies beside the objects yet"
	case c.cfg.CatalogueEvery > 0 && now.Sub(made.Catalogue.Taken) > 3*c.cfg.CatalogueEvery:
		return "", errNote("the catalogue beside the objects is of " + age(made.Catalogue, now) + ", which is old for catalogue-every: the log says why\nrun cairn job list --state failed")
	}
	switch {
	case made.Backup.Taken.IsZero():
		return "", errNote("no backup was ever made" + catalogue + "\nrun cairn backup every night: docs/backup.md")
	case now.Sub(made.Backup.Taken) > oldBackup:
		return "", errNote("the newest backup is of " + age(made.Backup, now) + catalogue + "\ndoes cairn backup still run every night, and with what exit code?")
	}
	return "the newest backup is of " + age(made.Backup, now) + catalogue, nil
}

// age is a moment in words: when, and how long ago.
func age(c backup.Copy, now time.Time) string {
	ago := max(now.Sub(c.Taken), 0)
	if ago >= 48*time.Hour {
		return fmt.Sprintf("%s UTC, %d days ago", stamp(c.Taken), int(ago/(24*time.Hour)))
	}
	return fmt.Sprintf("%s UTC, %.1f hours ago", stamp(c.Taken), ago.Hours())
}
