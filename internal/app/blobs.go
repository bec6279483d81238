package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/cache"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/config"
)

// openBlobs opens the store that the configuration names; one that is not a folder gets a cache on this node's disk.
func openBlobs(ctx context.Context, cfg *config.Config, log *slog.Logger) (blob.Store, error) {
	if path, ok := strings.CutPrefix(cfg.BlobURL, "file:"); ok {
		return fs.New(path)
	}
	s, err := openBucket(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// Packs are kept whole by gitstore, which has to have them as files.
	return cache.New(s, cache.Options{Dir: filepath.Join(cfg.CacheDir, "objects"), Bytes: shareCache(cfg).objects, Log: log,
		Keep: func(key string) bool { return strings.HasPrefix(key, "xorbs/") }})
}

// openStore opens the store itself, without a cache: for who reads everything once.
func openStore(ctx context.Context, cfg *config.Config) (blob.Store, error) {
	if path, ok := strings.CutPrefix(cfg.BlobURL, "file:"); ok {
		return fs.New(path)
	}
	return openBucket(ctx, cfg)
}

func openBucket(ctx context.Context, cfg *config.Config) (*s3.Store, error) {
	o, err := s3.ParseURL(cfg.BlobURL)
	if err != nil {
		return nil, err
	}
	if o.AccessKey == "" {
		o.AccessKey, o.SecretKey, o.Session = cfg.S3AccessKey, cfg.S3SecretKey, cfg.S3SessionToken
	}
	o.TempDir = filepath.Join(cfg.CacheDir, "upload")
	if err := os.MkdirAll(o.TempDir, 0o700); err != nil {
		return nil, err
	}
	return s3.New(ctx, o)
}

// cacheShares are what cache-size is divided into, in bytes.
type cacheShares struct {
	objects int64 // blocks of xorbs, when they are not on this node's disk anyway
	packs   int64
	copies  int64 // of repositories; the packs of clones take half as much again
}

func shareCache(cfg *config.Config) (c cacheShares) {
	left := cfg.CacheSize
	if !strings.HasPrefix(cfg.BlobURL, "file:") {
		c.objects = left / 2
		left -= c.objects
	}
	c.packs = left / 2
	c.copies = (left - c.packs) / 3 * 2
	return c
}

const (
	leftoversEvery = 24 * time.Hour
	// leftoverAge is more than any upload takes: a git pack of hundreds of gigabytes over a slow line.
	leftoverAge = 7 * 24 * time.Hour
)

// abortLeftovers ends uploads in parts that processes which died have left in the bucket.
func (a *App) abortLeftovers(ctx context.Context) error {
	l, ok := a.blobs.(blob.Leftovers)
	if !ok {
		return nil
	}
	n, err := l.AbortLeftovers(ctx, a.db.Now().Add(-leftoverAge), "xorbs/", "git/", "avatar/", "discard/", "catalogue/")
	if n > 0 {
		a.log.Info("ended uploads to the store that were never completed", "uploads", n)
	}
	return err
}
