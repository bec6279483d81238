package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/release"
)

// maxShown bounds the versions that are printed.
const maxShown = 1000

// ReleaseVersions says which old versions of large files a repository gives up, and with now gives up those that are due,
// beside a running hub or without.
func ReleaseVersions(ctx context.Context, cfg *config.Config, log *slog.Logger, path string, now bool, w io.Writer) error {
	return apart(ctx, cfg, log, func(a *App) error { return a.releaseNow(ctx, path, now, w) })
}

func (a *App) releaseNow(ctx context.Context, path string, now bool, w io.Writer) error {
	r, err := a.Repo(ctx, path)
	if err != nil {
		return err
	}
	p, err := a.release.Plan(ctx, r)
	if err != nil {
		return err
	}
	if err := printVersions(w, p); err != nil || !now {
		return err
	}
	if !p.Acts {
		fmt.Fprintf(w, "Nothing was given up: lfs-release is %s here, and the repository does not set lfs_keep_versions itself.\n", a.cfg.LFS.Release)
		return nil
	}
	done, err := a.release.Repo(ctx, r.RowID)
	fmt.Fprintf(w, "gave up %d files, %s\n", done.Files, quota.Bytes(done.Bytes))
	return err
}

func printVersions(w io.Writer, p *release.Plan) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i, v := range p.Versions {
		if i == maxShown {
			fmt.Fprintf(t, "and %d more\n", len(p.Versions)-i)
			break
		}
		when := "not noted yet"
		if !v.Since.IsZero() {
			when = "from " + v.Since.Add(p.Grace).Format("2006-01-02 15:04")
		}
		if v.Due {
			when = "due"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.Path, v.SHA256, quota.Bytes(v.Size), when)
	}
	fmt.Fprintf(t, "%d files, %s, beyond the newest %d of each path; %s of them are due\n", len(p.Versions), quota.Bytes(p.Bytes), p.Keep, quota.Bytes(p.DueBytes))
	return t.Flush()
}
