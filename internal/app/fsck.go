package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/repo"
)

// FsckOptions are what the command line says.
type FsckOptions struct {
	Repo    string // its path; empty: all
	Data    bool
	Subset  string // n/t or x%; with it, Data is meant
	SHA256  bool
	Orphans bool
	JSON    bool
}

// Fsck looks through the hub's storage, beside a running hub or without one. It writes what it finds to w, and how far it
// is to progress, if that is a terminal. Damage is an [ExitError].
func Fsck(ctx context.Context, cfg *config.Config, log *slog.Logger, o FsckOptions, w io.Writer, progress io.Writer) error {
	subset, err := parseSubset(o.Subset)
	if err != nil {
		return err
	}
	return apart(ctx, cfg, log, func(a *App) error {
		opts := fsck.Options{Data: o.Data || o.Subset != "", Subset: subset, SHA256: o.SHA256, Orphans: o.Orphans, Note: true}
		if o.Repo != "" {
			if opts.Repo, err = a.head(ctx, o.Repo); err != nil {
				return err
			}
		}
		c := a.Checker(opts)
		stop := showProgress(progress, func() string { return c.Progress().String() })
		r, err := c.Run(ctx)
		stop()
		return writeFound(ctx, c, r, err, o.JSON, w)
	})
}

// head finds a repository by its path, or a deleted one that may be brought back by its id.
func (a *App) head(ctx context.Context, name string) (*repo.Head, error) {
	if h, err := a.repos.HeadOf(ctx, a.db, name); err != nil || h != nil && h.Deleted {
		return h, err
	}
	r, err := a.Repo(ctx, name)
	if err != nil {
		return nil, err
	}
	return a.repos.HeadOf(ctx, a.db, r.RowID)
}

// writeFound writes down and prints what a run found, also if it did not come to its end: what it has read is read.
func writeFound(ctx context.Context, c *fsck.Checker, r *fsck.Report, failed error, asJSON bool, w io.Writer) error {
	if failed != nil {
		ctx = context.WithoutCancel(ctx) // it may have been interrupted
	}
	kept := c.Keep(ctx, r, failed == nil)
	if failed != nil {
		writeFindings(r, asJSON, w)
		return fmt.Errorf("the storage could not be looked through to the end: %w", failed)
	}
	said := writeReport(r, asJSON, w)
	if kept != nil {
		return fmt.Errorf("what was found could not be written down: %w", kept)
	}
	return said
}

// Checker prepares one look through this hub's storage.
func (a *App) Checker(o fsck.Options) *fsck.Checker { return fsck.New(a.fsckDeps(), o) }

func (a *App) fsckDeps() fsck.Deps {
	return fsck.Deps{DB: a.db, Blobs: a.blobs, Git: a.git, Xet: a.xet, Repos: a.repos, Quota: a.quota, Profiles: a.profiles, Log: a.log}
}

func writeReport(r *fsck.Report, asJSON bool, w io.Writer) error {
	writeFindings(r, asJSON, w)
	if asJSON {
		if err := json.NewEncoder(w).Encode(map[string]any{"summary": r}); err != nil {
			return err
		}
	} else {
		r.WriteSums(w)
	}
	if !r.Clean() {
		return ExitError{Code: ExitDamage}
	}
	return nil
}

func writeFindings(r *fsck.Report, asJSON bool, w io.Writer) {
	if !asJSON {
		r.WriteFindings(w)
		return
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\n", f.JSON())
	}
}

// parseSubset reads n/t, the n-th of t parts, or x%, a random part.
func parseSubset(s string) (sub fsck.Subset, err error) {
	if s == "" {
		return sub, nil
	}
	wrong := errs.New(errs.Invalid, "%q is no subset: write 3/10 for the third of ten parts, or 2.5%% for a random part", s)
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		sub.Percent, err = strconv.ParseFloat(percent, 64)
		if err != nil || !(sub.Percent > 0 && sub.Percent <= 100) {
			return sub, wrong
		}
		return sub, nil
	}
	n, of, ok := strings.Cut(s, "/")
	if !ok {
		return sub, wrong
	}
	if sub.N, err = strconv.Atoi(n); err == nil {
		sub.Of, err = strconv.Atoi(of)
	}
	if err != nil || sub.N < 1 || sub.N > sub.Of {
		return sub, wrong
	}
	return sub, nil
}

// showProgress writes a line over and over, if w is a terminal, until stop is called, which wipes it.
func showProgress(w io.Writer, text func() string) (stop func()) {
	f, ok := w.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				fmt.Fprint(f, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprintf(f, "\r\x1b[K%s", text())
			}
		}
	}()
	return func() { close(done); <-ended }
}
