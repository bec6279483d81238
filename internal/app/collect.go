package app

import (
	"context"
)

// collectXorbs is the schedule that frees Xet content which nothing needs.
func (a *App) collectXorbs(ctx context.Context) error {
	buried, err := a.xet.CollectXorbs(ctx, a.cfg.KeepXorbs, false)
	if buried.Xorbs > 0 {
		a.log.Info("collected xorbs that no file is made of", "xorbs", buried.Xorbs, "bytes", buried.Bytes)
	}
	if err == nil {
		_, err = a.xet.FreeXorbs(ctx)
	}
	return err
}
