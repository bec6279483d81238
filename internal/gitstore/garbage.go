package gitstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
)

// A blob is freed in three steps, each of which may be the last before a crash. The transaction that takes away the row
// of its pack notes it in git_garbage. After a grace period another one dooms it, if no row of any repository names it:
// keys are never given twice (newKey), so none ever will. Then the blob is deleted, then its note.

const (
	freeBatch  = 100
	orphanPage = 1000
	packExt    = ".pack"
	catalogExt = ".cat"
)

// Freed says what became of blobs that no row names.
type Freed struct {
	Packs int
	Bytes int64 // of the packs, without their catalogs
}

// noteGarbage has the blobs of a repository's packs freed later, all of them or those of some numbers. It is called
// before their rows go.
func (s *Store) noteGarbage(ctx context.Context, tx *db.Tx, repoID string, seqs []int64) error {
	query, args := `INSERT INTO git_garbage (pack_key, size, unnamed_at)
		SELECT pack_key, size, CAST(? AS BIGINT) FROM git_pack WHERE repo_id = ? AND pack_key <> ''
		ON CONFLICT (pack_key) DO UPDATE SET unnamed_at = excluded.unnamed_at`, []any{now(tx), repoID}
	if seqs != nil {
		var err error
		query, args, err = db.In(`INSERT INTO git_garbage (pack_key, size, unnamed_at)
			SELECT pack_key, size, CAST(? AS BIGINT) FROM git_pack WHERE repo_id = ? AND pack_key <> '' AND seq IN (?)
			ON CONFLICT (pack_key) DO UPDATE SET unnamed_at = excluded.unnamed_at`, now(tx), repoID, seqs)
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, query, args...)
	return errs.Wrap("gitstore.noteGarbage", err)
}

// dropPack notes the blob of a pack that was written and then not needed.
func (s *Store) dropPack(ctx context.Context, p *Pack) {
	if p == nil || p.packKey == "" {
		return
	}
	// A failure leaves an orphan, which is found later.
	_ = s.db.Tx(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		return noteUnnamed(ctx, tx, p.packKey, p.Size())
	})
}

func noteUnnamed(ctx context.Context, tx *db.Tx, key string, size int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO git_garbage (pack_key, size, unnamed_at) VALUES (?, ?, ?)
		ON CONFLICT (pack_key) DO NOTHING`, key, size, now(tx))
	return err
}

// FreeBlobs deletes the blobs of packs that no row has named since a time. That must lie further back than any request
// takes. While somebody holds the hub, nothing goes. It may run on several nodes.
func (s *Store) FreeBlobs(ctx context.Context, since time.Time) (total Freed, err error) {
	for {
		keys, err := s.doom(ctx, since.UnixMicro())
		if err != nil || len(keys) == 0 {
			return total, errs.Wrap("gitstore.FreeBlobs", err)
		}
		freed, err := s.freeAll(ctx, keys)
		total.Packs += freed.Packs
		total.Bytes += freed.Bytes
		s.counters.freedPacks.Add(int64(freed.Packs))
		s.counters.freedBytes.Add(freed.Bytes)
		if err != nil {
			return total, errs.Wrap("gitstore.FreeBlobs", err)
		}
	}
}

type garbageRow struct {
	Key  string `db:"pack_key"`
	Size int64  `db:"size"`
}

// doom is a batch of keys that no row names. Keys that another repository names lose their note: when that one lets go
// of them, they get a new one.
func (s *Store) doom(ctx context.Context, since int64) (doomed []garbageRow, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		doomed = nil
		if held, err := hold.Live(ctx, tx); held || err != nil {
			return err
		}
		for {
			var rows []garbageRow
			err := tx.Select(ctx, &rows, `SELECT pack_key, size FROM git_garbage WHERE unnamed_at <= ?
				ORDER BY unnamed_at LIMIT ?`, since, freeBatch)
			if err != nil || len(rows) == 0 {
				doomed = nil
				return err
			}
			if doomed, err = s.unnamed(ctx, tx, rows); err != nil || len(doomed) > 0 {
				return err
			}
		}
	})
	return doomed, err
}

func (s *Store) unnamed(ctx context.Context, tx *db.Tx, rows []garbageRow) ([]garbageRow, error) {
	named, err := namedKeys(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	var doomed []garbageRow
	var free, keep []string
	for _, r := range rows {
		if named[r.Key] {
			keep = append(keep, r.Key)
		} else {
			free, doomed = append(free, r.Key), append(doomed, r)
		}
	}
	if err := execIn(ctx, tx, `DELETE FROM git_garbage WHERE pack_key IN (?)`, keep); err != nil {
		return nil, err
	}
	return doomed, execIn(ctx, tx, `UPDATE git_garbage SET doomed = 1 WHERE pack_key IN (?)`, free)
}

// namedKeys are those of the keys that rows of packs name.
func namedKeys(ctx context.Context, q db.Queryer, rows []garbageRow) (map[string]bool, error) {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	query, args, err := db.In(`SELECT DISTINCT pack_key FROM git_pack WHERE pack_key <> '' AND pack_key IN (?)`, keys)
	if err != nil {
		return nil, err
	}
	var found []string
	if err := q.Select(ctx, &found, query, args...); err != nil {
		return nil, err
	}
	named := make(map[string]bool, len(found))
	for _, k := range found {
		named[k] = true
	}
	return named, nil
}

// execIn runs a statement on a list of keys, if there are any.
func execIn(ctx context.Context, q db.Queryer, statement string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	query, args, err := db.In(statement, keys)
	if err == nil {
		_, err = q.Exec(ctx, query, args...)
	}
	return err
}

// freeAll deletes doomed blobs and their notes. One that cannot be deleted stays doomed, and the others go.
func (s *Store) freeAll(ctx context.Context, rows []garbageRow) (freed Freed, err error) {
	var done []string
	for _, r := range rows {
		stem := strings.TrimSuffix(r.Key, packExt)
		e := errors.Join(s.blobs.Delete(ctx, stem+packExt), s.blobs.Delete(ctx, stem+catalogExt))
		if e != nil {
			err = e
			continue
		}
		s.files.drop(r.Key)
		done = append(done, r.Key)
		freed.Packs++
		freed.Bytes += r.Size
	}
	return freed, errors.Join(err, execIn(ctx, s.db, `DELETE FROM git_garbage WHERE doomed = 1 AND pack_key IN (?)`, done))
}

// NoteOrphans looks through all blobs of packs for those that no row names: what a push or a commit has written before
// its process died. They must be older than any push takes, and are noted for FreeBlobs.
func (s *Store) NoteOrphans(ctx context.Context, olderThan time.Time) (found int, err error) {
	for after := ""; ; {
		page, err := s.blobs.List(ctx, keyPrefix, after, orphanPage)
		if err != nil {
			return found, errs.Wrap("gitstore.NoteOrphans", err)
		}
		n, err := s.noteOrphans(ctx, oldPacks(page, olderThan))
		if found += n; err != nil {
			return found, errs.Wrap("gitstore.NoteOrphans", err)
		}
		if len(page) < orphanPage {
			return found, nil
		}
		after = page[len(page)-1].Key
	}
}

// oldPacks are the packs, each once, to which the old ones of a page of blobs belong.
func oldPacks(page []blob.Info, olderThan time.Time) []garbageRow {
	var rows []garbageRow
	for _, b := range page {
		stem, isPack := strings.CutSuffix(b.Key, packExt)
		if !isPack {
			var ok bool
			if stem, ok = strings.CutSuffix(b.Key, catalogExt); !ok {
				continue
			}
		}
		key := stem + packExt
		if !b.ModTime.Before(olderThan) {
			continue
		}
		if n := len(rows); n == 0 || rows[n-1].Key != key { // the two lie beside each other
			rows = append(rows, garbageRow{Key: key})
		}
		if isPack {
			rows[len(rows)-1].Size = b.Size
		}
	}
	return rows
}

func (s *Store) noteOrphans(ctx context.Context, rows []garbageRow) (n int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	named, err := namedKeys(ctx, s.db, rows)
	if err != nil {
		return 0, err
	}
	var orphans []garbageRow
	for _, r := range rows {
		if !named[r.Key] {
			orphans = append(orphans, r)
		}
	}
	if len(orphans) == 0 {
		return 0, nil
	}
	return len(orphans), s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, r := range orphans {
			if err := noteUnnamed(ctx, tx, r.Key, r.Size); err != nil {
				return err
			}
		}
		return nil
	})
}

// WouldFree is what FreeBlobs would delete, if nobody held the hub.
func (s *Store) WouldFree(ctx context.Context, since time.Time) (g Freed, err error) {
	var row struct {
		Packs int   `db:"packs"`
		Bytes int64 `db:"bytes"`
	}
	err = s.db.Get(ctx, &row, `SELECT COUNT(*) AS packs, CAST(COALESCE(SUM(g.size), 0) AS BIGINT) AS bytes FROM git_garbage g
		WHERE g.unnamed_at <= ? AND NOT EXISTS (SELECT 1 FROM git_pack p WHERE p.pack_key = g.pack_key AND p.pack_key <> '')`, since.UnixMicro())
	return Freed{row.Packs, row.Bytes}, errs.Wrap("gitstore.WouldFree", err)
}

// Garbage is what waits to be freed.
func (s *Store) Garbage(ctx context.Context) (g Freed, err error) {
	var row struct {
		Packs int   `db:"packs"`
		Bytes int64 `db:"bytes"`
	}
	err = s.db.Get(ctx, &row, `SELECT COUNT(*) AS packs, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM git_garbage`)
	return Freed{row.Packs, row.Bytes}, errs.Wrap("gitstore.Garbage", err)
}
