package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repair"
)

// RepairOptions are what the command line says.
type RepairOptions struct {
	From      []string // replicas: folders or S3 URLs
	Repo      string   // its path; empty: all
	Data      bool     // look for damage in all bytes, not in the structure alone
	Dry       bool
	Tombstone bool
	JSON      bool
}

// Repair looks through the hub's storage and makes whole what is damaged, beside a running hub or without one. It writes
// what became of each finding to w. Damage is an [ExitError]: repaired, or left.
func Repair(ctx context.Context, cfg *config.Config, log *slog.Logger, o RepairOptions, w, progress io.Writer) error {
	return apart(ctx, cfg, log, func(a *App) error {
		opts := repair.Options{Dry: o.Dry, Tombstone: o.Tombstone, Marked: o.Repo == "", Nodes: []string{filepath.Join(cfg.CacheDir, "git")}}
		for _, from := range o.From {
			r, err := openReplica(ctx, a.cfg, log, from)
			if err != nil {
				return fmt.Errorf("--from %s: %w", from, err)
			}
			opts.Replicas = append(opts.Replicas, r)
		}
		ends, err := a.addRowPacks(ctx, &opts)
		defer ends()
		if err != nil {
			return err
		}
		found, err := a.findDamage(ctx, o, progress)
		if err != nil {
			return err
		}
		return a.repair(ctx, opts, found, o.JSON, w)
	})
}

func (a *App) findDamage(ctx context.Context, o RepairOptions, progress io.Writer) (found []*fsck.Finding, err error) {
	opts := fsck.Options{Data: o.Data, Note: !o.Dry}
	if o.Repo != "" {
		if opts.Repo, err = a.head(ctx, o.Repo); err != nil {
			return nil, err
		}
	}
	c := a.Checker(opts)
	stop := showProgress(progress, func() string { return c.Progress().String() })
	r, err := c.Run(ctx)
	stop()
	if err != nil {
		return nil, fmt.Errorf("the storage could not be looked through: %w", err)
	}
	for _, f := range r.Findings {
		if f.Severity == fsck.Damage || f.Kind == fsck.XorbLost { // a replica may have it now
			found = append(found, f)
		}
	}
	return found, nil
}

func (a *App) repair(ctx context.Context, o repair.Options, found []*fsck.Finding, asJSON bool, w io.Writer) error {
	d := repair.Deps{DB: a.db, Git: a.git, Xet: a.xet, Profiles: a.profiles, Quota: a.quota, NameOf: a.affected, Log: a.log}
	r, err := repair.Run(ctx, d, o, found, func(res *repair.Result) {
		if asJSON {
			b, _ := json.Marshal(res) // strings and numbers only
			fmt.Fprintf(w, "%s\n", b)
			return
		}
		res.WriteText(w, o.Dry)
	})
	if err != nil {
		return fmt.Errorf("the repair did not come to its end; run it again: %w", err)
	}
	if asJSON {
		if err := json.NewEncoder(w).Encode(map[string]any{"summary": r}); err != nil {
			return err
		}
	} else {
		r.WriteText(w, o.Dry)
	}
	switch {
	case r.Left+r.Lost > 0, o.Dry && r.Repaired > 0:
		return ExitError{Code: ExitDamage}
	case r.Repaired > 0:
		return ExitError{Code: ExitRepaired}
	}
	return nil
}

// affected names a repository by its id.
func (a *App) affected(ctx context.Context, id string) (fsck.Affected, error) {
	return fsck.Named(ctx, a.repos, a.db, id)
}

// replica is a blob store, or a backup, that holds copies of objects.
type replica struct{ blob.Store }

// backupPrefix is where a backup keeps its objects.
const backupPrefix = "objects/"

func openReplica(ctx context.Context, cfg *config.Config, log *slog.Logger, from string) (replica, error) {
	own := *cfg
	if own.BlobURL = from; !strings.Contains(from, "://") && !strings.HasPrefix(from, "file:") {
		own.BlobURL = "file:" + from
	}
	if own.BlobURL == cfg.BlobURL {
		return replica{}, errors.New("that is the hub's own store")
	}
	if path, ok := strings.CutPrefix(own.BlobURL, "file:"); ok { // opening a store makes its folders
		if _, err := os.Stat(path); err != nil {
			return replica{}, err
		}
	}
	own.CacheDir = filepath.Join(cfg.CacheDir, "replica-"+hub.NewID()) // what is kept of it is not kept of another
	s, err := openBlobs(ctx, &own, log)
	return replica{s}, err
}

func (r replica) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	rc, err := r.Store.Open(ctx, key, off, n)
	if errs.Is(err, errs.NotFound) {
		return r.Store.Open(ctx, backupPrefix+key, off, n)
	}
	return rc, err
}

func (r replica) Stat(ctx context.Context, key string) (blob.Info, error) {
	info, err := r.Store.Stat(ctx, key)
	if errs.Is(err, errs.NotFound) {
		return r.Store.Stat(ctx, backupPrefix+key)
	}
	return info, err
}
