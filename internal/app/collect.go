package app

import (
	"context"
)

// collectXorbs is the schedule that frees Xet content which nothing needs.
func (a *App) collectXorbs(ctx context.Context) error {
	if err := a.xet.Loosen(ctx); err != nil {
		return err
	}
	buried, err := a.xet.CollectXorbs(ctx, a.cfg.KeepXorbs, false)
	if buried.Xorbs > 0 {
		a.log.Info("collected xorbs that no file is made of", "xorbs", buried.Xorbs, "bytes", buried.Bytes)
	}
	if err == nil {
		_, err = a.xet.FreeXorbs(ctx)
	}
	return err
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
