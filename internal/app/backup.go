package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// objectKinds are all objects that rows name. What is stored under other keys is made again, or belongs to an upload.
var objectKinds = []backup.Kind{
	{Name: "xorb", Prefix: xetstore.KeyPrefix, Each: xetstore.EachObject, Copy: xetstore.CopyObject, Repos: xetstore.ReposOf, Lost: xetstore.IsLost, Adopt: xetstore.Adopt},
	{Name: "pack", Prefix: gitstore.KeyPrefix, Each: gitstore.EachObject, Copy: gitstore.CopyObject, Repos: gitstore.ReposOf, Repo: gitstore.RepoOfKey},
	{Name: "picture", Prefix: profile.KeyPrefix, Each: profile.EachObject, Copy: profile.CopyObject},
}

// BackupOptions say which store of backups is meant, and what is printed.
type BackupOptions struct {
	URL    string // a folder, file:… or s3://…
	ID     string // of a backup; empty: the newest
	Verify bool   // read all of it afterwards
	Data   bool   // read the objects, too
	JSON   bool
	Keep   backup.Keep
	DryRun bool
}

// IsBackupID reports that a word is the id of a backup and not a folder's name.
func IsBackupID(s string) bool { return backup.IsID(s) }

// openShelf opens a store of backups.
func openShelf(ctx context.Context, cfg *config.Config, url string) (t backup.Target, err error) {
	own := *cfg
	if own.BlobURL, err = shelfURL(cfg, url); err != nil {
		return t, err
	}
	s, err := openStore(ctx, &own)
	if err != nil {
		return t, fmt.Errorf("open the store of backups: %w", err)
	}
	t = backup.Target{Store: s, Durable: s}
	if folder, ok := s.(*fs.Store); ok {
		t.Store, t.Flush, err = lazyFolder(folder)
	}
	return t, err
}

func lazyFolder(s *fs.Store) (blob.Store, func(context.Context) error, error) { return s.Lazy() }

// shelfURL is the address of a store of backups. It must not be the hub's own: one disk that dies takes both.
func shelfURL(cfg *config.Config, url string) (string, error) {
	switch {
	case url == "":
		return "", errs.New(errs.Invalid, "Say where the backups are: a folder, file:/path/to/folder or s3://bucket/prefix?endpoint=https://host")
	case !strings.HasPrefix(url, "s3://") && !strings.HasPrefix(url, "file:"):
		if strings.Contains(url, "://") {
			return "", errs.New(errs.Invalid, "Backups go to a folder, file:/path/to/folder or s3://bucket/prefix?endpoint=https://host")
		}
		url = "file:" + url
	}
	if strings.HasPrefix(url, "s3://") && cfg.S3AccessKey == "" && !strings.Contains(url, "access_key=") {
		return "", errs.New(errs.Invalid, "An S3 store of backups needs keys: set CAIRN_S3_ACCESS_KEY and CAIRN_S3_SECRET_KEY, or write access_key=… and secret_key=… into its URL")
	}
	if sameStore(url, cfg.BlobURL) {
		return "", errs.New(errs.Invalid, "That is the hub's own store: keep backups elsewhere, best on another machine")
	}
	return url, nil
}

func sameStore(a, b string) bool {
	pa, oka := strings.CutPrefix(a, "file:")
	pb, okb := strings.CutPrefix(b, "file:")
	if oka && okb {
		fa, e1 := filepath.Abs(pa)
		fb, e2 := filepath.Abs(pb)
		return e1 == nil && e2 == nil && fa == fb
	}
	a, _, _ = strings.Cut(a, "?")
	b, _, _ = strings.Cut(b, "?")
	return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
}

// backupHub is this hub's storage, past the node's cache: who copies everything has no use for it.
func (a *App) backupHub(ctx context.Context) (backup.Hub, error) {
	s, err := openStore(ctx, a.cfg)
	return backup.Hub{DB: a.db, Blobs: s, Kinds: objectKinds, Version: Version, TempDir: a.cfg.CacheDir, Log: a.log,
		RepoNames: a.repoNames}, err
}

// repoNames are the paths of repositories, as far as there are such repositories any more.
func (a *App) repoNames(ctx context.Context, _ db.Queryer, ids []string) []string {
	found, err := a.repos.IDs(ctx, ids)
	names := make([]string, len(ids))
	for i, id := range ids {
		if names[i] = id; err == nil {
			if name, ok := found[id]; ok {
				names[i] = name.Path()
			}
		}
	}
	return names
}

func logProgress(log *slog.Logger) func(backup.Progress) {
	return func(p backup.Progress) {
		log.Info("copying", "objects", p.Objects, "copied", p.Copied, "bytes", p.Bytes)
	}
}

// Backup copies the hub, running or not, into a store of backups.
func Backup(ctx context.Context, cfg *config.Config, log *slog.Logger, o BackupOptions, w io.Writer) error {
	to, err := openShelf(ctx, cfg, o.URL)
	if err != nil {
		return err
	}
	return apart(ctx, cfg, log, func(a *App) error {
		start := time.Now()
		h, err := a.backupHub(ctx)
		if err != nil {
			return err
		}
		m, stats, err := backup.Run(ctx, h, to, logProgress(log))
		if err != nil {
			return err
		}
		var report *backup.Report
		if o.Verify {
			if report, err = backup.Verify(ctx, to.Durable, m, objectKinds, true); err != nil {
				return err
			}
		}
		if o.JSON {
			err = printJSON(w, backupResult{m, stats, time.Since(start).Seconds(), report})
		} else {
			printBackup(w, m, stats, time.Since(start))
			printReport(w, report)
		}
		if err == nil && (m.NumDamaged() > 0 || report != nil && !report.Clean()) {
			err = ExitError{Code: ExitDamage}
		}
		return err
	})
}

type backupResult struct {
	*backup.Manifest
	Stats   backup.Progress `json:"stats"`
	Seconds float64         `json:"seconds"`
	Report  *backup.Report  `json:"verified,omitempty"`
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printBackup(w io.Writer, m *backup.Manifest, stats backup.Progress, took time.Duration) {
	fmt.Fprintf(w, "Backup %s: %d rows, %d objects of %d bytes; %d of them, %d bytes, were new. %s\n",
		m.ID, m.RowCount(), m.Objects.Count, m.Objects.Bytes, stats.Copied, stats.Bytes, took.Round(time.Millisecond))
	for _, d := range m.Damaged {
		fmt.Fprintf(w, "not copied: %s is %s; needed by %s\n", d.Key, d.State, needers(d))
	}
	if m.Lost > 0 {
		fmt.Fprintf(w, "%d objects were given up as lost before: the backup says so of them, as the hub does.\n", m.Lost)
	}
	if n := m.NumDamaged(); n > 0 {
		fmt.Fprintf(w, "%d objects of the hub are damaged: everything else is in the backup. Look at them with 'cairn fsck'.\n", n)
	}
}

func needers(d backup.Damage) string {
	if len(d.Repos) == 0 {
		return "no repository"
	}
	return strings.Join(d.Repos, ", ")
}

func printReport(w io.Writer, r *backup.Report) {
	if r == nil {
		return
	}
	for _, d := range r.Found {
		fmt.Fprintf(w, "%s is %s\n", d.Key, d.State)
	}
	if r.More > 0 {
		fmt.Fprintf(w, "and %d more\n", r.More)
	}
	read := "all of them are there"
	if r.Bytes > 0 {
		read = fmt.Sprintf("%d bytes of them were read", r.Bytes)
	}
	if r.Clean() {
		fmt.Fprintf(w, "Backup %s of %s is whole: %d rows were read, %d objects, %s.\n", r.ID, stamp(r.Created), r.Rows, r.Objects, read)
	} else {
		fmt.Fprintf(w, "Backup %s of %s is damaged.\n", r.ID, stamp(r.Created))
	}
	if r.Missing > 0 {
		fmt.Fprintf(w, "%d objects were damaged in the hub when it was taken and are not in it.\n", r.Missing)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// BackupList prints the backups of a store, oldest first.
func BackupList(ctx context.Context, cfg *config.Config, o BackupOptions, w io.Writer) error {
	from, err := openShelf(ctx, cfg, o.URL)
	if err != nil {
		return err
	}
	found, err := backup.List(ctx, from.Durable)
	if err != nil {
		return err
	}
	if o.JSON {
		whole := []*backup.Manifest{}
		for _, e := range found {
			if e.Manifest != nil {
				whole = append(whole, e.Manifest)
			}
		}
		return printJSON(w, whole)
	}
	for _, e := range found {
		switch {
		case e.Manifest != nil:
			m := e.Manifest
			fmt.Fprintf(w, "%s  %s UTC  %d rows, %d objects, %d bytes, cairn %s, schema %d", e.ID, stamp(m.Created), m.RowCount(), m.Objects.Count, m.Objects.Bytes, m.Cairn, m.Schema)
			if n := m.NumDamaged(); n > 0 {
				fmt.Fprintf(w, ", %d objects damaged at their source", n)
			}
			fmt.Fprintln(w)
		case errs.Is(e.Err, errs.NotFound):
			fmt.Fprintf(w, "%s  under way, or never finished\n", e.ID)
		default:
			fmt.Fprintf(w, "%s  broken: %v\n", e.ID, e.Err)
		}
	}
	return nil
}

// BackupVerify looks at a backup without changing anything.
func BackupVerify(ctx context.Context, cfg *config.Config, o BackupOptions, w io.Writer) error {
	from, err := openShelf(ctx, cfg, o.URL)
	if err != nil {
		return err
	}
	m, err := backup.Find(ctx, from.Durable, o.ID)
	if errors.Is(err, blob.ErrDamaged) {
		return ExitError{ExitDamage, err}
	}
	if err != nil {
		return err
	}
	r, err := backup.Verify(ctx, from.Durable, m, objectKinds, o.Data)
	if err != nil {
		return err
	}
	if o.JSON {
		err = printJSON(w, r)
	} else {
		printReport(w, r)
	}
	if err == nil && !r.Clean() {
		err = ExitError{Code: ExitDamage}
	}
	return err
}

// BackupPrune drops backups, and the objects that none needs any more.
func BackupPrune(ctx context.Context, cfg *config.Config, o BackupOptions, w io.Writer) error {
	s, err := openShelf(ctx, cfg, o.URL)
	if err != nil {
		return err
	}
	p, err := backup.Prune(ctx, s.Durable, o.Keep, o.DryRun)
	if err != nil {
		return err
	}
	if o.JSON {
		return printJSON(w, p)
	}
	verb := "dropped"
	if o.DryRun {
		verb = "would drop"
	}
	for _, id := range p.Kept {
		fmt.Fprintf(w, "%s stays\n", id)
	}
	for _, id := range p.Dropped {
		fmt.Fprintf(w, "%s %s\n", verb, id)
	}
	for _, id := range p.Unfinished {
		fmt.Fprintf(w, "%s %s, which was never finished\n", verb, id)
	}
	fmt.Fprintf(w, "%s %d objects, %d bytes, that no backup needs\n", verb, p.Objects, p.Bytes)
	return nil
}
