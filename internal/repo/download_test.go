package repo_test

import (
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
)

func TestDownloadsCountOncePerClientAndHour(t *testing.T) {
	each(t, func(w *world) {
		r, gone := w.create(model("alice", "m"), hub.Public), w.create(model("alice", "gone"), hub.Public)
		for _, client := range []string{"a", "a", "b"} {
			w.repos.CountDownload(r.RowID, client)
		}
		w.repos.CountDownload(gone.RowID, "a")
		w.must(w.repos.Delete(ctx, w.actor["alice"], gone.ID()))
		w.must(w.repos.FlushDownloads(ctx))
		w.repos.CountDownload(r.RowID, "a") // the same hour, after a flush
		w.must(w.repos.FlushDownloads(ctx))
		w.want(r.ID(), 2, 2)

		w.now = w.now.Add(time.Hour)
		w.repos.CountDownload(r.RowID, "a")
		w.must(w.repos.FlushDownloads(ctx))
		w.must(w.repos.RollDownloads(ctx))
		w.want(r.ID(), 3, 3)
		if now, _ := w.find(r.ID()); now.Trending != 3 {
			w.Errorf("trending %v, want 3", now.Trending)
		}
		w.exec(`INSERT INTO repo_like (repo_id, user_id, created_at) VALUES (?, ?, ?)`, r.RowID, w.actor["bob"].UserID, w.now.UnixMicro())
		w.now = w.now.Add(48 * time.Hour)
		w.must(w.repos.RollDownloads(ctx))
		if now, _ := w.find(r.ID()); now.Trending != 6.5 { // half of three downloads and of a like
			w.Errorf("trending after two days: %v, want 6.5", now.Trending)
		}
		w.now = w.now.Add(30 * 24 * time.Hour)
		w.must(w.repos.RollDownloads(ctx))
		w.must(w.repos.RollDownloads(ctx))
		w.want(r.ID(), 0, 3)
		var marks int
		w.must(w.db.Get(ctx, &marks, `SELECT COUNT(*) FROM repo_download_seen`))
		if marks != 0 {
			w.Errorf("%d marks of windows that are over", marks)
		}
	})
}

func (w *world) want(id hub.RepoID, month, all int64) {
	w.Helper()
	if r, _ := w.find(id); r.Downloads != month || r.DownloadsAll != all {
		w.Errorf("downloads %d and %d, want %d and %d", r.Downloads, r.DownloadsAll, month, all)
	}
}
