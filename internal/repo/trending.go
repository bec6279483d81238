package repo

import (
	"context"
	"math"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Trending is what happens now, weighed against what happened a little earlier:
//
//	trending = Σ over the last 7 days of (downloads of the day + 10 · likes of the day) · ½^(age in days / 2)
//
// A like is a decision and a download often a machine, hence the weight. Yesterday counts 0.7 of today, a week ago
// 0.09, so that a repository leaves the list within days.
const (
	trendingDays = 7
	likeWeight   = 10
	halfLife     = 2.0
	downloadDays = 30
	rollBatch    = 200 // rows written in one transaction
)

// rolled are a repository's numbers after a roll.
type rolled struct {
	ID        string  `db:"id"`
	Downloads int64   `db:"downloads"`
	Trending  float64 `db:"trending"`
}

// RollDownloads brings the 30-day totals and the trending scores up to date and forgets what is past its window. It is
// to run about every hour; running it twice does no harm.
func (s *Service) RollDownloads(ctx context.Context) error {
	now := s.now().UnixMicro()
	today := now / day.Microseconds()
	fresh, err := s.activity(ctx, today)
	if err != nil {
		return errs.Wrap("repo.RollDownloads", err)
	}
	var old []rolled
	err = s.db.Select(ctx, &old, `SELECT id, downloads, trending FROM repo WHERE downloads <> 0 OR trending <> 0`)
	if err != nil {
		return errs.Wrap("repo.RollDownloads", err)
	}
	changed := differences(old, fresh)
	for len(changed) > 0 {
		n := min(len(changed), rollBatch)
		if err := s.db.Tx(ctx, func(tx *db.Tx) error { return writeRolled(ctx, tx, changed[:n]) }); err != nil {
			return errs.Wrap("repo.RollDownloads", err)
		}
		changed = changed[n:]
	}
	return errs.Wrap("repo.RollDownloads", s.forgetDownloads(ctx, now, today))
}

// differences are the rows to write: those with other numbers than before, and those whose activity has ended.
func differences(old []rolled, fresh map[string]*rolled) []rolled {
	var changed []rolled
	for _, o := range old {
		n := fresh[o.ID]
		switch {
		case n == nil:
			changed = append(changed, rolled{ID: o.ID})
		case n.Downloads != o.Downloads || math.Abs(n.Trending-o.Trending) > 1e-9:
			changed = append(changed, *n)
		}
		delete(fresh, o.ID)
	}
	for _, n := range fresh {
		changed = append(changed, *n)
	}
	return changed
}

// writeRolled may lose a count that came in between the read and the write; the next roll has it.
func writeRolled(ctx context.Context, tx *db.Tx, rows []rolled) error {
	for _, r := range rows {
		_, err := tx.Exec(ctx, `UPDATE repo SET downloads = ?, trending = ? WHERE id = ?`, r.Downloads, r.Trending, r.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetDownloads drops the marks of windows that are over and the days that no total needs.
func (s *Service) forgetDownloads(ctx context.Context, now, today int64) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM repo_download_seen WHERE bucket < ?`, now/s.window.Microseconds()-1)
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM repo_download WHERE day < ?`, today-downloadDays)
		}
		return err
	})
}

// activity sums up the recent days, one grouped read each for downloads and likes.
func (s *Service) activity(ctx context.Context, today int64) (map[string]*rolled, error) {
	out := map[string]*rolled{}
	at := func(id string) *rolled {
		if out[id] == nil {
			out[id] = &rolled{ID: id}
		}
		return out[id]
	}
	var days []dayCount
	err := s.db.Select(ctx, &days, `SELECT repo_id, day, count FROM repo_download WHERE day > ?`, today-downloadDays)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		at(d.RepoID).Downloads += d.Count
		at(d.RepoID).Trending += weight(today-d.Day) * float64(d.Count)
	}
	var likes []dayCount
	err = s.db.Select(ctx, &likes, `SELECT repo_id, created_at / 86400000000 AS day, COUNT(*) AS count FROM repo_like
		WHERE created_at > ? GROUP BY repo_id, created_at / 86400000000`, (today-trendingDays)*day.Microseconds())
	for _, d := range likes {
		at(d.RepoID).Trending += likeWeight * weight(today-d.Day) * float64(d.Count)
	}
	return out, err
}

type dayCount struct {
	RepoID string `db:"repo_id"`
	Day    int64  `db:"day"`
	Count  int64  `db:"count"`
}

// weight is how much a day counts that is age days ago.
func weight(age int64) float64 {
	if age < 0 || age >= trendingDays {
		return 0
	}
	return math.Pow(0.5, float64(age)/halfLife)
}
