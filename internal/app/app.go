package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/audit"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/filelock"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/mail"
	"github.com/cairnhub/cairn/internal/oauth"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/release"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/site"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Version is set when the binary is built.
var Version = "dev"

// App is an open hub: stores and services, without a network.
type App struct {
	cfg      *config.Config
	log      *slog.Logger
	memory   memory
	db       *db.DB
	blobs    blob.Store
	ready    readiness
	accounts *account.Service
	orgs     *org.Service
	authz    *authz.Authorizer
	jobs     *jobs.Queue
	mail     *mail.Outbox
	site     *site.Service
	git      *gitstore.Store
	copies   *gitstore.Copies
	xet      *xetstore.Store
	quota    *quota.Service
	release  *release.Service
	repos    *repo.Service
	content  *content.Service
	profiles *profile.Service
	oauth    *oauth.Service
	audit    *audit.Service
	scrub    *fsck.Scrub
	clock    *clock
	sealed   atomic.Int64 // the last seal that was told

	collected atomic.Int64 // when xorbs were last gone through, in unix seconds
	keep      []io.Closer  // open until the process ends
}

// Open opens the database and the store, migrates, and builds the services. Several processes may do so at once.
func Open(ctx context.Context, cfg *config.Config, log *slog.Logger) (*App, error) {
	return OpenAt(ctx, cfg, log, time.Now)
}

// OpenAt is Open by another clock than the machine's.
func OpenAt(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*App, error) {
	a := &App{cfg: cfg, log: log, memory: memoryLimit(), clock: newClock(now)}
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	if err := a.build(ctx); err != nil {
		_ = a.Close()
		return nil, err
	}
	return a, nil
}

func (a *App) open(ctx context.Context) (err error) {
	if err := os.MkdirAll(a.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(a.cfg.CacheDir, 0o700); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	// Both wait for the disk, or for other machines, and neither for the other.
	var both errgroup.Group
	both.Go(func() (err error) { a.blobs, err = openBlobs(ctx, a.cfg, a.log); return err })
	both.Go(func() error { return a.openDatabase(ctx) })
	if err = both.Wait(); err != nil && a.db != nil {
		_ = a.db.Close()
	}
	return err
}

func (a *App) openDatabase(ctx context.Context) (err error) {
	if err := db.AddChecksums(ctx, a.cfg.DatabaseURL); err != nil {
		a.log.WarnContext(ctx, "the hub works without checksums of its database's pages; the next start tries again", "error", err)
	}
	if a.db, err = db.Open(ctx, a.cfg.DatabaseURL); err != nil {
		return err
	}
	a.db.SetClock(a.clock.Now)
	return a.db.Migrate(ctx)
}

// RenewChecksums takes the database's pages as they are; see db.RenewChecksums.
func RenewChecksums(ctx context.Context, cfg *config.Config) error {
	return db.RenewChecksums(ctx, cfg.DatabaseURL)
}

// build hands each part what it stands on, from the bottom up.
func (a *App) build(ctx context.Context) error {
	cfg := a.cfg
	a.orgs = org.New(a.db)
	a.authz = authz.New(a.db)
	a.jobs = jobs.New(a.db, jobs.Options{Log: a.log, Around: a.aroundJob})
	a.site = site.New(a.db)
	sender, err := mailSender(cfg)
	if err != nil {
		return err
	}
	a.mail = mail.New(a.jobs, mail.Options{Sender: sender, Log: a.log, Now: a.db.Now})
	a.quota = quota.New(quota.Deps{DB: a.db, Log: a.log, Defaults: a.quotaDefaults})
	share := shareCache(cfg)
	a.git = gitstore.New(a.db, a.blobs, gitstore.Options{CacheDir: filepath.Join(cfg.CacheDir, "git"), CacheBytes: share.packs, Grow: a.quota.GrowPacks,
		ObjectCacheBytes: a.memory.cache(objects), StateBytes: a.memory.cache(catalogs), InlineCacheBytes: a.memory.cache(packs)})
	a.copies = gitstore.NewCopies(a.git, gitstore.CopyOptions{Dir: filepath.Join(cfg.CacheDir, "git", "warm"), Bytes: share.copies})
	a.xet = xetstore.New(a.db, a.blobs, xetstore.Options{Log: a.log, Unfinished: cfg.Limits.Unfinished, RewriteBelow: rewriteBelow(cfg), Grow: a.quota.GrowLarge, Wanted: release.Wanted,
		Uploads: a.memory.count(uploadsMost, uploadShare), IndexCache: a.memory.cache(indexes), TermCache: a.memory.cache(terms)})
	a.accounts = account.New(a.db, a.accountOptions())
	a.oauth = oauth.New(a.db, a.accounts, oauth.Options{})
	mailKey, err := a.accounts.Secret(ctx, "mail")
	if err == nil {
		err = a.mail.Seal(mailKey)
	}
	if err != nil {
		return err
	}
	key, err := a.accounts.Secret(ctx, "repo")
	if err != nil {
		return err
	}
	a.repos = repo.New(repo.Deps{DB: a.db, Git: a.git, Authz: a.authz, Quota: a.quota, Jobs: a.jobs, Log: a.log, Key: key, DownloadWindow: cfg.DownloadWindow, KeepDeleted: cfg.KeepDeleted,
		LFS: repo.LFSDefaults{Threshold: cfg.LFS.Threshold, KeepVersions: cfg.LFS.KeepVersions, Suffixes: cfg.LFS.Suffixes,
			Release: cfg.LFS.Release, ReleaseGrace: cfg.LFS.ReleaseGrace}})
	a.audit = audit.New(a.db, a.accounts, a.orgs, a.repos)
	a.profiles = profile.New(profile.Deps{DB: a.db, Blobs: a.blobs, Jobs: a.jobs, SetFullname: a.accounts.SetFullname, Log: a.log})
	a.content = content.New(a.db, a.git, a.copies, a.xet, a.repos, a.quota, a.jobs, a.log, content.Limits{
		RegularFile: cfg.Limits.RegularFile, CommitRegular: cfg.Limits.CommitRegular, CommitFiles: int(cfg.Limits.CommitFiles)})
	a.repos.Attach(repo.Hooks{CheckFile: a.content.CheckFile, ListFiles: a.content.ListFiles, CopyFiles: a.xet.CopyRepo, DropFiles: a.dropFiles, HideFiles: hideFiles, Undeleted: a.undeleted, OwnerRules: ownerRules})
	a.orgs.Attach(org.Hooks{Renamed: a.repos.RenameOwner, Empty: a.emptyOwner, Mail: a.mail.Enqueue, Admit: a.accounts.AdmitLetter, URL: linkBase(cfg), MayCreate: a.mayCreateOrgs,
		BeforeDelete: []func(context.Context, db.Queryer, string) error{repo.CheckOrgDelete, repo.ExpireDeleted, profile.DropOwner, account.DropWords, quota.DropOwner}})
	a.release = release.New(release.Deps{DB: a.db, Git: a.git, Xet: a.xet, Repos: a.repos, Log: a.log,
		Mode: release.Mode(cfg.LFS.Release), Grace: cfg.LFS.ReleaseGrace, Keep: cfg.LFS.KeepVersions, Lost: cfg.KeepUncommitted})
	a.scrub = fsck.NewScrub(a.fsckDeps(), fsck.ScrubOptions{Period: cfg.ScrubPeriod, Rate: cfg.ScrubRate})
	a.quota.Attach(a.xet.Usages, a.git.Usages, a.repos, a.repos.SetUsedStorage)
	return nil
}

// accountOptions are what accounts stand on and what they ask of those above them, which are there by the time of a call.
func (a *App) accountOptions() account.Options {
	return account.Options{
		Hashes: a.memory.count(hashesMost, hashShare), Orgs: a.orgs.OrgsOf, TokenLeaked: a.tokenLeaked, Log: a.log, Site: a.site, Jobs: a.jobs, Mail: a.mail, URL: linkBase(a.cfg), SiteName: a.cfg.SiteName,
		BeforeDelete: []func(context.Context, db.Queryer, string) error{a.orgs.CheckUserDelete, repo.CheckUserDelete, repo.ExpireDeleted, repo.DropLiker, profile.DropOwner, account.DropWords, filelock.DropUser, quota.DropOwner},
		Renamed: func(ctx context.Context, tx *db.Tx, owner account.Owner, to string) error {
			return a.repos.RenameOwner(ctx, tx, owner, to)
		},
		Join: func(ctx context.Context, tx *db.Tx, orgID, userID string, role hub.Role) error {
			return a.orgs.Join(ctx, tx, orgID, userID, role, map[string]any{"by": "invitation to the hub"})
		},
	}
}

// linkBase is what links in e-mails begin with: the public URL, or the address that the hub listens on.
func linkBase(cfg *config.Config) string {
	if cfg.URL != "" {
		return strings.TrimSuffix(cfg.URL, "/")
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil || host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	return scheme(cfg) + net.JoinHostPort(host, port)
}

// mailSender is the SMTP server that is configured, or none.
func mailSender(cfg *config.Config) (mail.Sender, error) {
	if cfg.SMTPURL == "" {
		return nil, nil
	}
	return mail.NewSMTP(cfg.SMTPURL, cfg.MailFrom)
}

// quotaDefaults are the quotas of whoever has none of their own.
func (a *App) quotaDefaults(ctx context.Context, q db.Queryer) (d quota.Defaults, err error) {
	set, err := a.site.In(ctx, q)
	for _, one := range []struct {
		to   *int64
		from *int64
	}{
		{&d.UserPrivate, set.UserQuota.Private}, {&d.UserPublic, set.UserQuota.Public},
		{&d.OrgPrivate, set.OrgQuota.Private}, {&d.OrgPublic, set.OrgQuota.Public}, {&d.Repo, set.RepoQuota},
	} {
		if *one.to = quota.NoLimit; one.from != nil {
			*one.to = *one.from
		}
	}
	return d, err
}

// dropFiles takes from a repository that is deleted for good what it has beside git.
func (a *App) dropFiles(ctx context.Context, tx *db.Tx, repoID string) error {
	if err := hideFiles(ctx, tx, repoID); err != nil {
		return err
	}
	return a.xet.DeleteRepo(ctx, tx, repoID)
}

// hideFiles ends what is known of a deleted repository's files beside the files themselves.
func hideFiles(ctx context.Context, tx *db.Tx, repoID string) error {
	if err := filelock.DropRepo(ctx, tx, repoID); err != nil {
		return err
	}
	return release.DropRepo(ctx, tx, repoID)
}

// undeleted counts the large files of a repository that was brought back, and has derived what its files say.
func (a *App) undeleted(ctx context.Context, tx *db.Tx, repoID string) error {
	bytes, err := a.xet.Usage(ctx, tx, repoID)
	if err != nil {
		return err
	}
	a.quota.GrowLarge(ctx, tx, repoID, bytes)
	return a.content.RefreshLater(ctx, tx, repoID)
}

// Close ends the services and closes the database.
func (a *App) Close() error {
	if a.accounts != nil {
		if err := a.accounts.Close(); err != nil {
			a.log.Warn("last uses of tokens not written", "error", err)
		}
	}
	return a.db.Close()
}

// Accounts are the people of the hub.
func (a *App) Accounts() *account.Service { return a.accounts }

// Orgs are its organisations.
func (a *App) Orgs() *org.Service { return a.orgs }

// Mail is its outbox.
func (a *App) Mail() *mail.Outbox { return a.mail }

// Site is what administrators set while it runs.
func (a *App) Site() *site.Service { return a.site }

// Repo finds a repository by its path (ns/name, datasets/ns/name, spaces/ns/name) for the operator, who may see all.
func (a *App) Repo(ctx context.Context, path string) (*repo.Repo, error) {
	id, ok := hub.ParseRepoPath(path)
	if !ok {
		return nil, errs.New(errs.Invalid, "%q names no repository: write ns/name, datasets/ns/name or spaces/ns/name", path)
	}
	r, _, err := a.repos.Find(ctx, nil, id)
	return r, err
}

// Quota is what may be stored.
func (a *App) Quota() *quota.Service { return a.quota }

// Release gives old versions of large files up.
func (a *App) Release() *release.Service { return a.release }

// DB is its database.
func (a *App) DB() *db.DB { return a.db }

// Blobs are its immutable bytes.
func (a *App) Blobs() blob.Store { return a.blobs }

// Jobs is what it does in the background.
func (a *App) Jobs() *jobs.Queue { return a.jobs }

// Audit is what happened.
func (a *App) Audit() *audit.Service { return a.audit }

// Content is the files and histories of its repositories.
func (a *App) Content() *content.Service { return a.content }
