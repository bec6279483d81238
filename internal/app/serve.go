package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/backup"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Serve runs the hub until ctx ends or another process has taken over (SIGUSR2), then lets the requests under way finish.
// out gets what a person reads at the start.
func Serve(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) (err error) {
	process := takeProcess(cfg.Process)
	defer process.Close()
	started := calmHeap()
	go func() { _, _ = contract.HubOperations() }() // parsed while the disk is waited for; an error is Handler's
	if process.lock, err = lockFolder(cfg.Data, process.take(config.HandedLock)); err != nil {
		return err
	}
	go removeAbandoned(cfg.CacheDir, log) // a start does not wait for a large one
	a, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	a.memory.bound()
	a.db.Share(process.parent != nil)
	ln, err := process.listen(config.SocketHTTP, cfg.Listen)
	if err != nil {
		return fmt.Errorf("%w: choose another address with --listen", err)
	}
	secure, err := newTransport(cfg, log)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	first, err := a.accounts.EnsureAdmin(ctx)
	if err != nil {
		return err
	}
	handler, err := a.Handler(ctx, nil)
	if err != nil {
		return err
	}
	door, err := a.openSSH(ctx, ln.Addr(), process)
	if err != nil {
		return err
	}
	servers := []*server{newServer(handler, bounded(ln)).by(secure.config)}
	if cfg.HTTPListen != "" {
		plain, err := process.listen(config.SocketRedirect, cfg.HTTPListen)
		if err != nil {
			return fmt.Errorf("%w: choose another address with --http-listen", err)
		}
		servers = append(servers, newServer(secure.plain, bounded(plain)))
	}
	if cfg.MetricsListen != "" {
		m, err := process.listen(config.SocketMetrics, cfg.MetricsListen)
		if err != nil {
			return fmt.Errorf("%w: choose another address with --metrics-listen", err)
		}
		servers = append(servers, newServer(handler.Metrics(), m))
	}
	process.dropRest()
	if process.parent != nil {
		out = io.Discard // nobody reads at a restart, and whoever read at the first start may have hung up
	}
	started()
	defer tuneHeap()()
	greet(out, cfg, ln.Addr(), first)
	if door != nil {
		door.greet(out, cfg)
	}
	if process.parent == nil && a.db.Dialect() == db.SQLite { // the folder's lock says that whoever ran jobs here is dead
		if err := a.jobs.Orphan(ctx); err != nil {
			return err
		}
	}
	return a.run(ctx, servers, door, process)
}

// run serves until ctx ends, a listener fails or another process has taken over, beside the workers that outlive requests.
func (a *App) run(ctx context.Context, servers []*server, door *sshDoor, process *process) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	done := a.Background(work)
	failed := make(chan error, len(servers)+1)
	for _, s := range servers {
		go func() { failed <- s.Serve() }()
	}
	if door != nil {
		go func() { failed <- door.serve() }()
	}
	replaced, stopRestarts := process.await(a)
	defer stopRestarts()
	process.ready(a)
	var err error
	linger := lingerStop
	select {
	case <-ctx.Done():
		a.log.Info("stopping: requests under way may finish", "within", a.cfg.ShutdownTimeout)
		process.notify("STOPPING=1")
		stopRestarts()
		select {
		case pid := <-replaced: // it came up just now, and is to stop as well
			_ = syscall.Kill(pid, syscall.SIGTERM)
		default:
		}
	case pid := <-replaced:
		linger = lingerReplaced
		a.log.Info("another process has taken over: requests under way may finish", "process", pid, "within", a.cfg.ShutdownTimeout)
	case err = <-failed:
	}
	stopRestarts()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		if door != nil {
			door.shutdown(a.cfg.ShutdownTimeout)
		}
	}()
	drain(servers, linger, a.cfg.ShutdownTimeout)
	<-drained
	stopWork()
	<-done
	return err
}

// Background runs jobs, schedules and counters until ctx ends; the channel closes when all have stopped.
func (a *App) Background(ctx context.Context) <-chan struct{} {
	a.schedule()
	done := make(chan struct{})
	parts := []func(context.Context) error{a.jobs.Run, a.repos.Run, a.trimCaches}
	ended := make(chan struct{}, len(parts))
	for _, run := range parts {
		go func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("a background part ended", "error", err)
			}
			ended <- struct{}{}
		}()
	}
	go func() {
		for range parts {
			<-ended
		}
		close(done)
	}()
	return done
}

// The node's caches of git data: what was not used for a day goes.
const (
	trimEvery = time.Hour
	trimAge   = 24 * time.Hour
)

func (a *App) trimCaches(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.copies.Trim(trimAge)
		}
	}
}

// How often the schedules look for work.
const (
	foldEvery         = 30 * time.Second
	collectPartsEvery = 30 * time.Minute
	collectEvery      = 10 * time.Minute
	collectXorbsEvery = 6 * time.Hour
	orphansEvery      = 24 * time.Hour
	wordsEvery        = time.Hour
	purgeEvery        = time.Hour
	recountEvery      = 24 * time.Hour
	releaseEvery      = time.Hour
	sealEvery         = time.Minute
	catalogueLook     = time.Hour
)

// lookEvery is how often to look for what was kept long enough: oftener when that is not long.
func lookEvery(keep time.Duration) time.Duration {
	return min(collectEvery, max(keep/4, time.Second))
}

func (a *App) schedule() {
	a.jobs.Every("account.purge", purgeEvery, a.accounts.Purge)
	a.jobs.Every("git.fold", foldEvery, a.content.FoldAll)
	a.jobs.Every("lfs.parts", collectPartsEvery, func(ctx context.Context) error { return a.xet.CollectParts(ctx, lfsapi.PartLife) })
	a.jobs.Every("git.collect", lookEvery(a.cfg.KeepUnreachable), func(ctx context.Context) error { return a.content.CollectAll(ctx, a.cfg.KeepUnreachable) })
	a.jobs.Every("git.free", lookEvery(a.cfg.KeepUnnamed), func(ctx context.Context) error { return a.content.FreeBlobs(ctx, a.cfg.KeepUnnamed) })
	a.jobs.Every("event.seal", sealEvery, a.sealEvents)
	a.jobs.Every("account.words", wordsEvery, a.accounts.IndexNames)
	a.jobs.Every("repo.words", wordsEvery, a.repos.IndexNames)
	a.jobs.Every("xet.collect", collectXorbsEvery, a.collectXorbs)
	a.jobs.Every("repo.purge", lookEvery(a.cfg.KeepDeleted), a.purgeRepos)
	a.jobs.Every("lfs.lost", collectXorbsEvery, a.collectLost)
	a.jobs.Every("xet.orphans", orphansEvery, func(ctx context.Context) error { _, err := a.xet.NoteOrphans(ctx, false); return err })
	a.jobs.Every("git.orphans", orphansEvery, a.content.NoteOrphans)
	a.jobs.Every("blob.leftovers", leftoversEvery, a.abortLeftovers)
	a.jobs.Every("lfs.release", releaseEvery, a.releaseVersions)
	a.jobs.Every("storage.scrub", fsck.ScrubEvery, a.scrub.Tick)
	if a.cfg.CatalogueEvery > 0 {
		a.jobs.Every("backup.catalogue", min(a.cfg.CatalogueEvery/2, catalogueLook), a.exportCatalogue)
	}
	a.jobs.Every("quota.recount", recountEvery, func(ctx context.Context) error { _, err := a.quota.Recount(ctx); return err })
}

// releaseVersions gives up what repositories keep no longer.
func (a *App) releaseVersions(ctx context.Context) error {
	done, err := a.release.All(ctx)
	if done.Files > 0 {
		a.log.Info("gave up old versions of large files", "repositories", done.Repos, "files", done.Files, "bytes", done.Bytes)
	}
	return err
}

// cataloguesKept is how many of the latest stay beside the objects.
const cataloguesKept = 7

// exportCatalogue writes all rows beside the objects, if the last time was long enough ago. A hub without a repository has
// nothing to lose yet.
func (a *App) exportCatalogue(ctx context.Context) error {
	now := a.db.Now()
	last, err := backup.LastExport(ctx, a.blobs, now)
	if err != nil || now.Sub(last) < a.cfg.CatalogueEvery {
		return err
	}
	repos, _, err := a.repos.Overviews(ctx, repo.OverviewQuery{Page: hub.Page{Limit: 1}})
	if err != nil || len(repos) == 0 {
		return err
	}
	h, err := a.backupHub(ctx)
	if err != nil {
		return err
	}
	m, err := backup.Export(ctx, h, cataloguesKept)
	if err == nil {
		a.log.Info("wrote the catalogue beside the objects", "id", m.ID, "rows", m.RowCount(), "objects", m.Objects.Count)
	}
	return err
}

// greet tells the address and, at the first start, the only time that the secrets are shown.
func greet(out io.Writer, cfg *config.Config, addr net.Addr, first *account.FirstAdmin) {
	url := cfg.URL
	if url == "" {
		host, port, _ := net.SplitHostPort(cfg.Listen)
		if _, p, err := net.SplitHostPort(addr.String()); err == nil {
			port = p
		}
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "localhost"
		}
		url = scheme(cfg) + net.JoinHostPort(host, port)
	}
	url = strings.TrimSuffix(url, "/")
	fmt.Fprintf(out, "%s serves %s\n", cfg.SiteName, url)
	if first == nil {
		return
	}
	fmt.Fprintf(out, `
This is the first start. The password and the token below are shown once, keep them.

  user      %s
  password  %s

Paste these two lines, and every Hugging Face client uses this hub:

  export HF_ENDPOINT=%s
  export HF_TOKEN=%s

`, first.Name, first.Password, url, first.Token)
}
