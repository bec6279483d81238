package repo

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// What counts: one download per repository, client and clock hour. A client is a user, or an address for those who are
// not signed in; neither is stored, only a keyed hash that is forgotten after the window.
const (
	defaultDownloadWindow = time.Hour
	flushEvery            = 3 * time.Second
	maxBuffered           = 50_000
	flushBatch            = 1000
	day                   = 24 * time.Hour
)

// downloadBuffer holds what happened since the last flush. A crash loses at most these few seconds of counts.
type downloadBuffer struct {
	mu   sync.RWMutex // most downloads are noted already, and must not queue for it
	seen map[download]struct{}
}

type download struct {
	repoID, client string
	window         int64
}

// CountDownload notes that a client fetched content of a repository. It costs no statement; Run writes the counts.
func (s *Service) CountDownload(repoID, client string) {
	d := download{repoID, client, s.now().UnixMicro() / s.window.Microseconds()}
	b := &s.downloads
	b.mu.RLock()
	_, noted := b.seen[d]
	b.mu.RUnlock()
	if noted {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = map[download]struct{}{}
	}
	if len(b.seen) < maxBuffered { // beyond, counts give way: they must not cost memory without bound
		b.seen[d] = struct{}{}
	}
}

// clientHash is how a client is kept: addresses and user ids themselves are nobody's business.
func (s *Service) clientHash(client string) string {
	return hex.EncodeToString(s.mac("download", client)[:16])
}

func (b *downloadBuffer) take() map[download]struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.seen
	b.seen = nil
	return seen
}

// Run writes download counts until ctx ends, and then what is left.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.FlushDownloads(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("download counts not written", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.FlushDownloads(last)
		}
	}
}

// FlushDownloads writes what was counted, in transactions that are short enough to let others write in between. What
// fails is dropped: counts are not worth a queue.
func (s *Service) FlushDownloads(ctx context.Context) error {
	seen := slices.Collect(maps.Keys(s.downloads.take()))
	for batch := range slices.Chunk(seen, flushBatch) {
		if err := s.db.Tx(ctx, func(tx *db.Tx) error { return s.writeDownloads(ctx, tx, batch) }); err != nil {
			return errs.Wrap("repo.FlushDownloads", err)
		}
	}
	return nil
}

func (s *Service) writeDownloads(ctx context.Context, tx *db.Tx, batch []download) error {
	counts := map[string]int64{}
	for _, d := range batch {
		d.client = s.clientHash(d.client)
		first, err := markSeen(ctx, tx, d)
		if err != nil {
			return err
		}
		if first {
			counts[d.repoID]++
		}
	}
	today := s.now().UnixMicro() / day.Microseconds()
	for repoID, n := range counts {
		if err := addDownloads(ctx, tx, repoID, today, n); err != nil {
			return err
		}
	}
	return nil
}

// markSeen reports whether this is the client's first download in the window. The repository may be gone by now.
func markSeen(ctx context.Context, tx *db.Tx, d download) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO repo_download_seen (repo_id, client, bucket)
		SELECT r.id, CAST(? AS TEXT), CAST(? AS BIGINT) FROM repo r WHERE r.id = ? ON CONFLICT (repo_id, client, bucket) DO NOTHING`, d.client, d.window, d.repoID)
	return n > 0, err
}

func addDownloads(ctx context.Context, tx *db.Tx, repoID string, today, n int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO repo_download (repo_id, day, count) VALUES (?, ?, ?)
		ON CONFLICT (repo_id, day) DO UPDATE SET count = repo_download.count + excluded.count`, repoID, today, n)
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE repo SET downloads = downloads + ?, downloads_all = downloads_all + ? WHERE id = ?`, n, n, repoID)
	}
	return err
}
