package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
)

// Bounds of the HTTP server. Bodies have no total time limit: httpd cuts them when they stop moving.
const (
	headerTime = 15 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 128 << 10 // Xet tokens may be long
)

// Serve runs the hub until ctx ends, then lets the requests under way finish. out gets what a person reads at the start.
func Serve(ctx context.Context, cfg *config.Config, log *slog.Logger, out io.Writer) (err error) {
	unlock, err := lockFolder(cfg.Data)
	if err != nil {
		return err
	}
	defer unlock()
	a, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("%w: choose another address with --listen", err)
	}
	defer ln.Close()
	first, err := a.accounts.EnsureAdmin(ctx)
	if err != nil {
		return err
	}
	srv, err := a.Handler(ctx, nil)
	if err != nil {
		return err
	}
	door, err := a.openSSH(ctx, ln.Addr())
	if err != nil {
		return err
	}
	greet(out, cfg, ln.Addr(), first)
	if door != nil {
		door.greet(out, cfg)
	}
	return a.run(ctx, srv, ln, door)
}

// run serves until ctx ends or a listener fails, beside the workers that outlive requests.
func (a *App) run(ctx context.Context, srv *httpd.Server, ln net.Listener, door *sshDoor) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	done := a.Background(work)
	servers := []*http.Server{newServer(srv)}
	failed := make(chan error, 3)
	go func() { failed <- servers[0].Serve(bounded(ln)) }()
	if a.cfg.MetricsListen != "" {
		m := newServer(srv.Metrics())
		m.Addr = a.cfg.MetricsListen
		servers = append(servers, m)
		go func() { failed <- m.ListenAndServe() }()
	}
	if door != nil {
		go func() { failed <- door.serve() }()
	}
	var err error
	select {
	case <-ctx.Done():
		a.log.Info("stopping: requests under way may finish", "within", a.cfg.ShutdownTimeout)
	case err = <-failed:
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		if door != nil {
			door.shutdown(a.cfg.ShutdownTimeout)
		}
	}()
	drain(servers, a.cfg.ShutdownTimeout)
	<-drained
	stopWork()
	<-done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerSize,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
}

func drain(servers []*http.Server, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
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
	orphansEvery      = 24 * time.Hour
	wordsEvery        = time.Hour
	purgeEvery        = time.Hour
	recountEvery      = 24 * time.Hour
	releaseEvery      = time.Hour
	sealEvery         = time.Minute
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
	a.jobs.Every("git.orphans", orphansEvery, a.content.NoteOrphans)
	a.jobs.Every("lfs.release", releaseEvery, a.releaseVersions)
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
		url = "http://" + net.JoinHostPort(host, port)
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
