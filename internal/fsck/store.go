package fsck

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
)

const (
	selectPass = "SELECT started_at, finished_at, total, done, stage, place, last_started, last_finished, last_bytes FROM fsck_pass WHERE id = 1"
	insertPass = `INSERT INTO fsck_pass (id, started_at, total, done, stage, place) VALUES (1, ?, ?, 0, ?, '')
		ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, finished_at = NULL, total = excluded.total, done = 0, stage = excluded.stage, place = ''`
	updatePass = "UPDATE fsck_pass SET done = ?, stage = ?, place = ? WHERE id = 1 AND started_at = ? AND finished_at IS NULL"
	endPass    = `UPDATE fsck_pass SET finished_at = ?, last_started = started_at, last_finished = ?, last_bytes = done
		WHERE id = 1 AND started_at = ? AND finished_at IS NULL`

	upsertFinding = `INSERT INTO fsck_finding (kind, object, detail, affects, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (kind, object) DO UPDATE SET detail = excluded.detail, affects = excluded.affects, last_at = excluded.last_at,
			first_at = CASE WHEN fsck_finding.ended_at IS NULL THEN fsck_finding.first_at ELSE excluded.first_at END, ended_at = NULL, ended = ''
		RETURNING first_at`
	endFinding = "UPDATE fsck_finding SET ended_at = ?, ended = ? WHERE kind = ? AND object = ? AND ended_at IS NULL"

	endObject = "UPDATE fsck_finding SET ended_at = ?, ended = ? WHERE object = ? AND ended_at IS NULL"

	selectOpen = `SELECT kind, object, detail, affects, first_at, last_at FROM fsck_finding WHERE ended_at IS NULL ORDER BY kind, object LIMIT ?`
	countOpen  = `SELECT kind, COUNT(*) AS n FROM fsck_finding WHERE ended_at IS NULL GROUP BY kind`
)

// passRow is how far the reading of all bytes is.
type passRow struct {
	StartedAt    int64  `db:"started_at"`
	FinishedAt   *int64 `db:"finished_at"`
	Total        int64
	Done         int64
	Stage        string
	Place        string
	LastStarted  *int64 `db:"last_started"`
	LastFinished *int64 `db:"last_finished"`
	LastBytes    int64  `db:"last_bytes"`
}

// getPass is nil before the first pass.
func getPass(ctx context.Context, q db.Queryer) (*passRow, error) {
	var row passRow
	err := q.Get(ctx, &row, selectPass)
	if db.IsNoRows(err) {
		return nil, nil
	}
	return &row, errs.Wrap("fsck.getPass", err)
}

// Kept is a finding as the hub keeps it.
type Kept struct {
	Finding
	First, Last time.Time // seen
}

// Open lists what was found damaged and has not been found sound since, up to a limit.
func Open(ctx context.Context, q db.Queryer, limit int) ([]Kept, error) {
	var rows []struct {
		Kind, Object, Detail, Affects string
		FirstAt                       int64 `db:"first_at"`
		LastAt                        int64 `db:"last_at"`
	}
	if err := q.Select(ctx, &rows, selectOpen, limit); err != nil {
		return nil, errs.Wrap("fsck.Open", err)
	}
	out := make([]Kept, len(rows))
	for i, r := range rows {
		kind := Kind(r.Kind)
		out[i] = Kept{Finding{Kind: kind, Severity: kind.Severity(), Key: r.Object, Detail: r.Detail}, time.UnixMicro(r.FirstAt).UTC(), time.UnixMicro(r.LastAt).UTC()}
		_ = json.Unmarshal([]byte(r.Affects), &out[i].Affects) // written by keep
	}
	return out, nil
}

// CountOpen counts them by kind.
func CountOpen(ctx context.Context, q db.Queryer) (map[Kind]int, error) {
	var rows []struct {
		Kind string
		N    int
	}
	err := q.Select(ctx, &rows, countOpen)
	counts := make(map[Kind]int, len(rows))
	for _, r := range rows {
		counts[Kind(r.Kind)] = r.N
	}
	return counts, errs.Wrap("fsck.CountOpen", err)
}

// keep writes a finding down, with an event if it is new. told says that whoever calls has written it down before.
func keep(ctx context.Context, d *db.DB, f *Finding, now int64, told bool) (isNew bool, err error) {
	affects, err := json.Marshal(f.Affects)
	if err != nil {
		return false, err
	}
	detail := f.Detail
	if !db.IsText(detail) {
		detail = "" // what a damaged row says of itself need not be text
	}
	err = d.Tx(ctx, func(tx *db.Tx) error {
		var first int64
		if err := tx.Get(ctx, &first, upsertFinding, string(f.Kind), f.Key, detail, string(affects), now, now); err != nil {
			return err
		}
		if isNew = first == now && !told; !isNew {
			return nil
		}
		return event.Append(ctx, tx, event.Event{Kind: "storage.damage", Data: map[string]any{"kind": f.Kind, "object": f.Key, "repositories": repositories(f.Affects)}})
	})
	return isNew, errs.Wrap("fsck.keep", err)
}

// repositories are the names of those that are touched, each once, or the ids of those that are gone for good.
func repositories(affects []Affected) []string {
	names := []string{}
	for _, a := range affects {
		name := a.Repository()
		if a.Repo == "" {
			name = a.RepoID
		}
		if n := len(names); n == 0 || names[n-1] != name {
			names = append(names, name)
		}
	}
	return names
}

// Ended says how an open finding came to its end. The words are kept in rows.
type Ended string

// The ends.
const (
	EndedSound    Ended = "sound"    // the bytes were read and are right
	EndedRepaired Ended = "repaired" // by a repair
	EndedLost     Ended = "lost"     // they were given up
)

// End ends what is open about an object, of whatever kind.
func End(ctx context.Context, d *db.DB, key string, how Ended, now time.Time) error {
	_, err := d.Exec(ctx, endObject, now.UnixMicro(), string(how), key)
	return errs.Wrap("fsck.End", err)
}

func end(ctx context.Context, d *db.DB, kind Kind, key string, how Ended, now int64) (bool, error) {
	n, err := d.Exec(ctx, endFinding, now, string(how), string(kind), key)
	return n > 0, errs.Wrap("fsck.end", err)
}
