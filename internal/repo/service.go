package repo

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/quota"
)

// Deps is what the service stands on.
type Deps struct {
	DB             *db.DB
	Git            *gitstore.Store
	Authz          *authz.Authorizer
	Quota          *quota.Service
	Jobs           *jobs.Queue // nil: nothing is scheduled
	Log            *slog.Logger
	DownloadWindow time.Duration    // within which the downloads of one client count as one; 0: an hour
	Key            []byte           // seals cursors and hashes the clients that downloads are counted by; from the secret table
	LFS            LFSDefaults      // all of them: configuration has the defaults
	Now            func() time.Time // nil: the database's
	KeepDeleted    time.Duration    // for how long a deleted repository may be brought back; 0: not at all
}

// LFSDefaults are the server's settings for large files. Sizes are decimal.
type LFSDefaults struct {
	Threshold    int64
	KeepVersions int64
	Suffixes     []string

	Release      string        // in which repositories older versions are given up: off, configured, all
	ReleaseGrace time.Duration // how long after they were superseded
}

// Hooks are what the layers above do for this package. A nil hook does nothing.
type Hooks struct {
	// CheckFile is the rule about files: their names, and the content of those that git itself reads.
	CheckFile func(ctx context.Context, path string, content []byte) error
	// ListFiles gives all files of a commit, in the order of their paths.
	ListFiles func(ctx context.Context, r *Repo, commit string, blobs bool) ([]Sibling, error)
	// CopyFiles gives one repository the right to those large files of another that are named, by SHA-256.
	CopyFiles func(ctx context.Context, tx *db.Tx, fromID, toID string, named iter.Seq[hub.SHA256]) error
	// DropFiles takes a repository's rights to large files away; their bytes are collected later.
	DropFiles func(ctx context.Context, tx *db.Tx, repoID string) error
	// HideFiles ends what is known of a deleted repository's large files beside the files themselves: locks, notes.
	HideFiles func(ctx context.Context, tx *db.Tx, repoID string) error
	// Undeleted counts the large files of a repository that was brought back, and has derived what its files say.
	Undeleted func(ctx context.Context, tx *db.Tx, repoID string) error
	// OwnerRules are what the owner of a repository has decided for all of theirs; nil: nobody has decided anything.
	OwnerRules func(ctx context.Context, q db.Queryer, ownerID string) (OwnerRules, error)
}

// Service is the repositories of a hub.
type Service struct {
	db     *db.DB
	git    *gitstore.Store
	authz  *authz.Authorizer
	quota  *quota.Service
	log    *slog.Logger
	key    []byte
	lfs    LFSDefaults
	window time.Duration
	now    func() time.Time
	hooks  Hooks

	keepDeleted time.Duration

	found     *findCache
	infos     *infoCache
	tags      tagCache
	downloads downloadBuffer
}

// New builds the service. Attach completes it.
func New(d Deps) *Service {
	s := &Service{db: d.DB, git: d.Git, authz: d.Authz, quota: d.Quota, log: d.Log, key: d.Key, lfs: d.LFS, now: d.Now, found: newFindCache(d.DB), infos: newInfoCache(d.DB), window: d.DownloadWindow, keepDeleted: d.KeepDeleted}
	if s.lfs.Suffixes == nil {
		s.lfs.Suffixes = []string{} // a list in JSON, if an empty one
	}
	if s.window <= 0 {
		s.window = defaultDownloadWindow
	}
	if s.now == nil {
		s.now = d.DB.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if d.Jobs != nil {
		d.Jobs.Every("repo.roll-downloads", time.Hour, s.RollDownloads)
	}
	return s
}

// Attach sets the hooks, before the first request: the packages that provide them need the service themselves.
func (s *Service) Attach(h Hooks) { s.hooks = h }
