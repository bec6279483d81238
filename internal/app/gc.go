package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/content"
)

// Tidy removes at once from git's storage what is not needed any more.
func (a *App) Tidy(ctx context.Context, keep content.Keep) (content.Tidied, error) {
	return a.content.Tidy(ctx, keep)
}

// apart opens the hub with caches of its own, since those of a running hub are its own, too.
func apart(ctx context.Context, cfg *config.Config, log *slog.Logger, f func(a *App) error) (err error) {
	own := *cfg
	if err := os.MkdirAll(cfg.CacheDir, 0o700); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	dir, err := os.MkdirTemp(cfg.CacheDir, "apart-*")
	if err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	defer os.RemoveAll(dir)
	own.CacheDir = dir
	a, err := Open(ctx, &own, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return f(a)
}

// GC does now what a running hub does over time, beside one or without, and says what it did.
func GC(ctx context.Context, cfg *config.Config, log *slog.Logger, w io.Writer) error {
	return apart(ctx, cfg, log, func(a *App) error { return a.gc(ctx, w) })
}

func (a *App) gc(ctx context.Context, w io.Writer) error {
	cfg := a.cfg
	t, err := a.Tidy(ctx, content.Keep{Unreachable: cfg.KeepUnreachable, Unnamed: cfg.KeepUnnamed})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "removed %d git objects that nothing reaches from %d repositories\n", t.Objects, t.Repos)
	fmt.Fprintf(w, "found %d packs that no repository names\n", t.Orphans)
	fmt.Fprintf(w, "freed %d packs, %d bytes; %d packs, %d bytes wait for their time (keep-unnamed %s)\n",
		t.Freed.Packs, t.Freed.Bytes, t.Waiting.Packs, t.Waiting.Bytes, cfg.KeepUnnamed)
	for _, err := range t.Failures {
		fmt.Fprintln(w, "not collected:", err)
	}
	if t.Skipped > 0 {
		return fmt.Errorf("%d repositories were not collected: see above, and run it again", t.Skipped)
	}
	return nil
}
