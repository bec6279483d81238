package db

import (
	"context"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"
)

// Health is what an engine says of its own bytes.
type Health struct {
	Damage   []string // what is wrong, in the engine's words
	Dangling []string // rows that name a row which is not there
	Warnings []string // what keeps damage from being noticed
}

// maxComplaints bounds what one check tells.
const maxComplaints = 100

const (
	sqliteForeignKeys = `SELECT "table", COALESCE(rowid, 0) AS id, parent FROM pragma_foreign_key_check LIMIT 100`

	postgresFailures  = `SELECT COALESCE(SUM(checksum_failures), 0) FROM pg_stat_database WHERE datname = current_database()`
	postgresChecksums = `SELECT current_setting('data_checksums')`
)

// Check has the engine look through its own bytes. SQLite reads every page, beside others who read and write; PostgreSQL
// is asked what it has noticed so far, which is nothing unless its cluster has checksums.
func (d *DB) Check(ctx context.Context) (h Health, err error) {
	if d.dialect == SQLite {
		err = d.Snapshot(ctx, func(s *Snapshot) error { return checkSQLite(ctx, s, &h) })
		if err == nil || isCorrupt(err) {
			err = d.checkChecksums(ctx, &h)
		}
		return h, err
	}
	var checksums string
	if err := d.Get(ctx, &checksums, postgresChecksums); err != nil {
		return h, err
	}
	if checksums != "on" {
		h.Warnings = append(h.Warnings, "the PostgreSQL cluster keeps no checksums of its pages (data_checksums is off), so damage to its files goes unnoticed: stop it and run pg_checksums --enable")
	}
	var failures int64
	if err := d.Get(ctx, &failures, postgresFailures); err != nil {
		return h, err
	}
	if failures > 0 {
		h.Damage = append(h.Damage, fmt.Sprintf("PostgreSQL has met %d pages that do not match their checksum: see its log", failures))
	}
	return h, nil
}

// checkChecksums reads all pages, those too that SQLite's own check does not come to.
func (d *DB) checkChecksums(ctx context.Context, h *Health) error {
	if on, advice, err := d.Checksums(ctx); err == nil && !on { // an error is among the pages that are counted below
		h.Warnings = append(h.Warnings, "the database's pages have no checksums, so damage to its file may go unnoticed: "+advice)
	}
	bad, err := d.CheckPages(ctx)
	if bad > 0 {
		h.Damage = append(h.Damage, fmt.Sprintf("%d pages do not match their checksum", bad))
	}
	return err
}

func checkSQLite(ctx context.Context, s *Snapshot, h *Health) error {
	var words []string
	err := s.Select(ctx, &words, fmt.Sprintf("PRAGMA integrity_check(%d)", maxComplaints))
	if isCorrupt(err) {
		h.Damage = append(h.Damage, err.Error())
		return nil // nothing else can be believed
	}
	if err != nil {
		return err
	}
	for _, w := range words {
		if w != "ok" {
			h.Damage = append(h.Damage, w)
		}
	}
	var rows []struct {
		Table  string
		ID     int64
		Parent string
	}
	if err := s.Select(ctx, &rows, sqliteForeignKeys); err != nil {
		return err
	}
	for _, r := range rows {
		h.Dangling = append(h.Dangling, fmt.Sprintf("row %d of %s names a row of %s that is not there", r.ID, r.Table, r.Parent))
	}
	return nil
}

// isCorrupt reports that SQLite found its file damaged, or the disk did not give a page.
func isCorrupt(err error) bool {
	switch sqliteCode(err) & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR:
		return true
	}
	return false
}
