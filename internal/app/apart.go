package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// A command beside a running hub has a folder of caches of its own in the node's, and a file beside it whose lock says that
// it lives. A folder whose lock nobody holds was left by a process that was killed: the next one removes it.

const (
	apartPrefix = "apart-"
	lockSuffix  = ".lock"
	// unlockedAge is for how long a folder without such a file is left alone: versions before made it, and may still run.
	unlockedAge = 7 * 24 * time.Hour
)

// apart opens the hub with caches of its own, since those of a running hub are its own, too.
func apart(ctx context.Context, cfg *config.Config, log *slog.Logger, f func(a *App) error) (err error) {
	own := *cfg
	if err := os.MkdirAll(cfg.CacheDir, 0o700); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	removeAbandoned(cfg.CacheDir, log)
	dir, remove, err := apartFolder(cfg.CacheDir)
	if err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	defer remove()
	own.CacheDir = dir
	a, err := Open(ctx, &own, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return f(a)
}

// apartFolder makes a folder that nobody else removes until remove is called or the process ends.
func apartFolder(cache string) (dir string, remove func(), err error) {
	lock, err := tempfile.Named(cache, apartPrefix+"*"+lockSuffix)
	if err != nil {
		return "", nil, err
	}
	dir = strings.TrimSuffix(lock.Name(), lockSuffix)
	remove = func() { removeApart(dir, lock) }
	if err := os.Mkdir(dir, 0o700); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// removeApart removes a folder whose lock the caller holds: the folder first, so that what is left of it, should
// this process be killed, has a lock that nobody holds.
func removeApart(dir string, lock *os.File) {
	if os.RemoveAll(dir) == nil {
		_ = os.Remove(lock.Name())
	}
	_ = lock.Close()
}

// removeAbandoned removes what commands that were killed have left in a cache folder. What cannot be removed stays for the
// next time: it takes room and does no other harm.
func removeAbandoned(cache string, log *slog.Logger) {
	entries, err := os.ReadDir(cache)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Warn("the cache folder was not tidied", "error", err)
		return
	}
	locked := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), lockSuffix); ok && strings.HasPrefix(name, apartPrefix) {
			locked[name] = true
			removeUnlocked(filepath.Join(cache, name), log)
		}
	}
	for _, e := range entries {
		if e.IsDir() && !locked[e.Name()] && (strings.HasPrefix(e.Name(), apartPrefix) || strings.HasPrefix(e.Name(), "replica-")) {
			removeOld(cache, e, log)
		}
	}
}

func removeUnlocked(dir string, log *slog.Logger) {
	lock, err := os.OpenFile(dir+lockSuffix, os.O_RDWR, 0)
	if err != nil {
		return // its command has ended
	}
	if dead, err := tempfile.Lock(lock); err != nil || !dead {
		_ = lock.Close()
		return
	}
	log.Info("removing the caches of a command that was killed", "folder", dir)
	removeApart(dir, lock)
}

// removeOld removes a folder without a lock's file. One that is young may be somebody's whose file was not there yet when
// the cache folder was listed.
func removeOld(cache string, e os.DirEntry, log *slog.Logger) {
	info, err := e.Info()
	if err != nil || time.Since(info.ModTime()) < unlockedAge {
		return
	}
	dir := filepath.Join(cache, e.Name())
	log.Info("removing the caches of a command that was killed", "folder", dir)
	_ = os.RemoveAll(dir)
}
