package content

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/filelock"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/slot"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Limits bound what one request may ask for.
type Limits struct {
	RegularFile   int64 // bytes of a file that is kept in git itself
	CommitRegular int64 // bytes of all regular files of one commit
	CommitFiles   int   // operations of one commit
}

// Service reads and changes the content of repositories.
type Service struct {
	db     *db.DB
	git    *gitstore.Store
	copies *gitstore.Copies
	xet    *xetstore.Store
	repos  *repo.Service
	quota  *quota.Service
	jobs   *jobs.Queue
	locks  *filelock.Service
	log    *slog.Logger
	limits Limits
	now    func() time.Time
	turns  *slot.Keyed[string] // by repository: commits queue instead of colliding

	computing slot.Slots // comparisons of texts and searches of histories: one per processor
	blaming   slot.Slots // one for two processors: blame may take its ten seconds
	packing   slot.Slots // archives that are worked on: one per processor
	rewriting slot.Slots // histories that are made anew
}

// New builds the service.
func New(d *db.DB, g *gitstore.Store, c *gitstore.Copies, x *xetstore.Store, r *repo.Service, u *quota.Service, j *jobs.Queue, log *slog.Logger, l Limits) *Service {
	s := &Service{db: d, git: g, copies: c, xet: x, repos: r, quota: u, jobs: j, log: log, limits: l, now: d.Now, turns: slot.PerKey[string](1),
		computing: slot.Of(runtime.GOMAXPROCS(0)), blaming: slot.Of((runtime.GOMAXPROCS(0) + 1) / 2), packing: slot.Of(runtime.GOMAXPROCS(0)),
		rewriting: slot.Of(rewritesAtOnce)}
	s.locks = filelock.New(d)
	j.Register(jobRefresh, s.refreshJob)
	j.Register(jobFold, s.foldJob)
	j.Register(CollectJob, s.collectJob)
	return s
}

// Snapshot is a repository at one commit.
type Snapshot struct {
	Repo   *repo.Repo
	Git    *gitstore.Repo
	Commit hub.OID
	Tree   hub.OID
	Ref    string // the full name of the ref that the revision named, empty for a commit id
}

// At opens a repository at a revision: a branch, a tag, refs/…, HEAD, or a commit id.
func (s *Service) At(ctx context.Context, r *repo.Repo, rev string) (*Snapshot, error) {
	g, err := s.git.OpenAt(ctx, r.RowID, r.PackSeq, r.FoldEpoch)
	if err != nil {
		return nil, err
	}
	if (rev == "" || rev == "HEAD" || rev == r.DefaultBranch) && r.Head != "" {
		return s.snapshot(ctx, r, g, gitstore.Revision{Ref: "refs/heads/" + r.DefaultBranch}, r.Head)
	}
	if rev == "" || rev == "HEAD" {
		rev = r.DefaultBranch
	}
	v, err := g.Resolve(ctx, s.db, rev)
	if err != nil {
		return nil, err
	}
	return s.snapshot(ctx, r, g, v, "")
}

// lost is a commit that no ref reaches any more, by its full id, until it is collected; otherwise notFound. It is for
// those who may write to the repository, and for nothing but giving the commit a ref again: no door reads through it.
func (s *Service) lost(ctx context.Context, r *repo.Repo, rev string, notFound error) (hub.OID, error) {
	oid, err := hub.ParseOID(rev)
	if err != nil {
		return oid, notFound
	}
	g, err := s.git.Open(ctx, r.RowID)
	if err != nil {
		return oid, err
	}
	if kind, _ := g.Kind(oid); kind != git.KindCommit {
		return oid, notFound
	}
	return oid, nil
}

func (s *Service) snapshot(ctx context.Context, r *repo.Repo, g *gitstore.Repo, v gitstore.Revision, head string) (*Snapshot, error) {
	if head != "" {
		oid, err := hub.ParseOID(head)
		if err != nil {
			return nil, err
		}
		v.Commit = oid
	}
	c, err := g.Commit(ctx, v.Commit)
	if err != nil {
		return nil, err
	}
	return &Snapshot{Repo: r, Git: g, Commit: v.Commit, Tree: c.Tree, Ref: v.Ref}, nil
}

// HasRef reports whether a short or full ref name exists, for telling revisions and paths apart.
func (s *Service) HasRef(ctx context.Context, r *repo.Repo, name string) bool {
	for _, full := range []string{name, "refs/heads/" + name, "refs/tags/" + name} {
		if _, ok, err := s.git.Ref(ctx, s.db, r.RowID, full); err == nil && ok {
			return true
		}
	}
	return false
}

// readSmall reads a small file of the repository, at most limit bytes; absent files are empty.
func (s *Snapshot) readSmall(ctx context.Context, path string, limit int64) ([]byte, bool, error) {
	e, err := s.Git.Entry(ctx, s.Tree, path)
	if isNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if e.Mode.IsDir() {
		return nil, false, nil
	}
	rc, info, err := s.Git.Blob(ctx, e.OID)
	if err != nil {
		return nil, false, err
	}
	defer rc.Close()
	if info.Size > limit {
		return nil, false, nil
	}
	b, err := io.ReadAll(io.LimitReader(rc, limit))
	return b, true, err
}

// Known reports whether a revision exists, cheaply for the common ones.
func (s *Service) Known(ctx context.Context, r *repo.Repo, rev string) bool {
	if rev == "HEAD" || rev == r.DefaultBranch {
		return true
	}
	if _, err := hub.ParseOID(rev); err == nil {
		return true
	}
	return s.HasRef(ctx, r, rev)
}
