package app

import (
	"context"
	"math"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// collectXorbs is the schedule that frees Xet content which nothing needs.
func (a *App) collectXorbs(ctx context.Context) error {
	if err := a.xet.Loosen(ctx); err != nil {
		return err
	}
	rewritten, err := a.rewriteThin(ctx)
	if err != nil {
		return err
	}
	if rewritten.Xorbs > 0 {
		a.log.Info("wrote xorbs again of which little is left", "xorbs", rewritten.Xorbs, "before", rewritten.Before, "after", rewritten.After)
	}
	buried, err := a.xet.CollectXorbs(ctx, a.cfg.KeepXorbs, false)
	if buried.Xorbs > 0 {
		a.log.Info("collected xorbs that no file is made of", "xorbs", buried.Xorbs, "bytes", buried.Bytes)
	}
	if err == nil {
		_, err = a.xet.FreeXorbs(ctx)
	}
	if err == nil {
		a.collected.Store(time.Now().Unix())
	}
	return err
}

// unfreed asks for a metric how many bytes wait to be deleted.
func (a *App) unfreed() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	f, err := a.xet.Graves(ctx)
	if err != nil {
		return math.NaN()
	}
	return float64(f.Bytes)
}

// collectLost is the schedule that gives up large files which no commit names.
func (a *App) collectLost(ctx context.Context) error {
	done, err := a.release.Lost(ctx, false, nil)
	if done.Files > 0 {
		a.log.Info("gave up large files that no commit names", "repositories", done.Repos, "files", done.Files, "bytes", done.Bytes)
	}
	return err
}

// Loosen ends the rights to content that repositories have given up.
func (a *App) Loosen(ctx context.Context) error { return a.xet.Loosen(ctx) }

// purgeRepos is the schedule that removes deleted repositories whose time is over.
func (a *App) purgeRepos(ctx context.Context) error {
	n, err := a.repos.Purge(ctx)
	if n > 0 {
		a.log.Info("removed deleted repositories for good", "repositories", n)
	}
	return err
}

// rewriteThin writes xorbs again of which little is left, and ends the rights to the old ones.
func (a *App) rewriteThin(ctx context.Context) (xetstore.Rewritten, error) {
	done, err := a.xet.RewriteThin(ctx, a.cfg.KeepXorbs)
	if err == nil && done.Xorbs > 0 {
		err = a.xet.Loosen(ctx)
	}
	return done, err
}

// rewriteBelow is the percentage as the store takes it.
func rewriteBelow(cfg *config.Config) int {
	if cfg.RewriteBelow == 0 {
		return -1
	}
	return int(cfg.RewriteBelow)
}
