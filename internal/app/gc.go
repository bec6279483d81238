package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
	"github.com/cairnhub/cairn/internal/release"
	"github.com/cairnhub/cairn/internal/repo"
)

// Tidy removes at once from git's storage what is not needed any more.
func (a *App) Tidy(ctx context.Context, keep content.Keep) (content.Tidied, error) {
	return a.content.Tidy(ctx, keep)
}

// GCOptions are what the command line says.
type GCOptions struct {
	DryRun bool // say what would go, and let it be
	JSON   bool
}

// GC does now what a running hub does over time, beside one or without, and says what it did. It may be stopped at any moment
// and run again.
func GC(ctx context.Context, cfg *config.Config, log *slog.Logger, o GCOptions, w io.Writer) error {
	return apart(ctx, cfg, log, func(a *App) error {
		r, err := a.Collect(ctx, o.DryRun)
		if err != nil {
			return err
		}
		if err := r.write(w, o.JSON); err != nil {
			return err
		}
		if n := len(r.Failures); n > 0 {
			return fmt.Errorf("%d repositories were not collected: see above, and run it again", n)
		}
		return nil
	})
}

// Collect removes all that is not needed any more and whose time is over. A dry run only says what.
func (a *App) Collect(ctx context.Context, dry bool) (*GCReport, error) {
	r := &GCReport{DryRun: dry, Deleted: []GCDeleted{}, Lost: []GCLost{}, At: a.db.Now().UTC(), keepUnnamed: a.cfg.KeepUnnamed}
	if dry {
		return r, a.collect(ctx, r)
	}
	held, err := a.byClock(ctx, func(ctx context.Context) error { return a.collect(ctx, r) })
	if held != nil {
		return nil, fmt.Errorf("nothing was deleted: %s (cairn hold remove %s)", held.Reason, held.ID)
	}
	return r, err
}

func (a *App) collect(ctx context.Context, r *GCReport) error {
	for _, step := range []func(context.Context, *GCReport) error{a.gcHolds, a.gcDeleted, a.gcReleased, a.gcGit, a.gcLost, a.gcXorbs, a.gcPictures} {
		if err := step(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) gcHolds(ctx context.Context, r *GCReport) error {
	list, err := hold.List(ctx, a.db)
	for _, h := range list {
		if h.RepoID == "" {
			r.HeldBy = append(r.HeldBy, h.Kind+" "+h.ID)
		}
	}
	return err
}

// gcDeleted removes repositories that were deleted long ago.
func (a *App) gcDeleted(ctx context.Context, r *GCReport) (err error) {
	if !r.DryRun {
		if r.Purged, err = a.repos.Purge(ctx); ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // the rest of the collection is not about these
			r.Failures = append(r.Failures, err.Error())
		}
	}
	return a.repos.Deleted(ctx, func(d repo.Deleted) error {
		due := !d.Held && !d.Until.After(r.At)
		if due && r.DryRun {
			r.Purged++
		}
		r.Deleted = append(r.Deleted, GCDeleted{ID: d.RowID, Repo: d.ID.Path(), Owner: d.ID.Namespace, Bytes: d.Bytes, Until: d.Until, Held: d.Held, Due: due})
		return nil
	})
}

// gcReleased gives old versions of large files up. What it would, 'cairn lfs release' says.
func (a *App) gcReleased(ctx context.Context, r *GCReport) error {
	if r.DryRun {
		return nil
	}
	done, err := a.release.All(ctx)
	r.Versions = GCCount{done.Files, done.Bytes}
	return err
}

func (a *App) gcGit(ctx context.Context, r *GCReport) error {
	tidy := a.content.Tidy
	if r.DryRun {
		tidy = a.content.WouldTidy
	}
	t, err := tidy(ctx, content.Keep{Unreachable: a.cfg.KeepUnreachable, Unnamed: a.cfg.KeepUnnamed})
	if err != nil {
		return err
	}
	r.Git = GCGit{Repositories: t.Repos, Objects: GCCount{t.Objects, t.Bytes}, Orphans: t.Orphans,
		Freed: GCCount{t.Freed.Packs, t.Freed.Bytes}, Waiting: GCCount{t.Waiting.Packs, t.Waiting.Bytes}}
	for _, err := range t.Failures {
		r.Failures = append(r.Failures, err.Error())
	}
	return nil
}

func (a *App) gcLost(ctx context.Context, r *GCReport) error {
	_, err := a.release.Lost(ctx, r.DryRun, func(in release.LostIn) {
		l := GCLost{Repo: in.Name.Path(), Owner: in.Name.Namespace, Files: in.Files, Bytes: in.Bytes, Due: GCCount{in.DueFiles, in.DueBytes}, Held: in.Held, TooLarge: in.TooLarge}
		if !in.Next.IsZero() {
			l.Next = &in.Next
		}
		r.Lost = append(r.Lost, l)
	})
	return err
}

func (a *App) gcXorbs(ctx context.Context, r *GCReport) error {
	if !r.DryRun {
		if err := a.xet.CollectParts(ctx, lfsapi.PartLife); err != nil {
			return err
		}
		if err := a.xet.Loosen(ctx); err != nil {
			return err
		}
		again, err := a.rewriteThin(ctx)
		if err != nil {
			return err
		}
		r.Xorbs.Rewritten, r.Xorbs.Saved = again.Xorbs, again.Before-again.After
	}
	buried, err := a.xet.CollectXorbs(ctx, a.cfg.KeepXorbs, r.DryRun)
	if err != nil {
		return err
	}
	orphans, err := a.xet.NoteOrphans(ctx, r.DryRun)
	if err != nil {
		return err
	}
	if !r.DryRun {
		freed, err := a.xet.FreeXorbs(ctx)
		if err != nil {
			return err
		}
		r.Xorbs.Freed = GCCount{freed.Xorbs, freed.Bytes}
	}
	w, err := a.xet.Waiting(ctx)
	r.Xorbs.Unused, r.Xorbs.Orphans = GCCount{buried.Xorbs, buried.Bytes}, GCCount{orphans.Xorbs, orphans.Bytes}
	r.Xorbs.Waiting, r.Xorbs.Graves = GCCount{w.Unused.Xorbs, w.Unused.Bytes}, GCCount{w.Graves.Xorbs, w.Graves.Bytes}
	if !w.Oldest.IsZero() {
		next := w.Oldest.Add(a.cfg.KeepXorbs)
		r.Xorbs.Next = &next
	}
	return err
}

func (a *App) gcPictures(ctx context.Context, r *GCReport) error {
	if r.DryRun {
		return nil
	}
	return a.profiles.Collect(ctx)
}
