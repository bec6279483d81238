package release

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Version is a large file that a repository is to give up.
type Version struct {
	xetstore.File
	Path  string    // one of those that it was at
	Since time.Time // when it was found to be superfluous; zero: nobody has looked yet
	Due   bool      // the grace period is over
}

// Plan says what would be given up.
type Plan struct {
	Keep     int64 // versions of each path
	Acts     bool  // whether it is done, and not only said
	Grace    time.Duration
	Versions []Version // those of the longest known first
	Bytes    int64
	DueBytes int64

	refs  []gitstore.Ref
	stale []xet.Hash // noted, and not superfluous any more
}

// maxFiles bounds the large files of a repository that is looked through.
const maxFiles = 1_000_000

// planWait is how long somebody waits for a turn to look through a repository, which may take others minutes.
const planWait = time.Minute

// Plan looks through a repository for somebody who waits for it. A history or a store that is too large for that is
// errs.Unprocessable; when too many are looked through, it is errs.Unavailable.
func (s *Service) Plan(ctx context.Context, r *repo.Repo) (*Plan, error) {
	busy := errs.New(errs.Unavailable, "This node looks through as many histories as it can; this request was not begun. Try again in a few minutes.")
	if err := s.walks.TakeWithin(ctx, planWait, busy); err != nil {
		return nil, errs.Wrap("release.Plan", err)
	}
	defer s.walks.Give()
	return s.plan(ctx, r)
}

// planLater is Plan for the hub's own work, which waits for its turn.
func (s *Service) planLater(ctx context.Context, r *repo.Repo) (*Plan, error) {
	if err := s.walks.Take(ctx); err != nil {
		return nil, errs.Wrap("release.Plan", err)
	}
	defer s.walks.Give()
	return s.plan(ctx, r)
}

// plan is called by who has a turn.
func (s *Service) plan(ctx context.Context, r *repo.Repo) (*Plan, error) {
	walk, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	p := &Plan{Keep: s.keep(r), Acts: s.acts(r), Grace: s.Grace}
	err := s.fill(walk, r, p)
	if err != nil && ctx.Err() == nil && walk.Err() != nil {
		err = errs.New(errs.Unprocessable, "The history is too long to look through in %s", walkTime)
	}
	return p, errs.Wrap("release.Plan", err)
}

func (s *Service) fill(ctx context.Context, r *repo.Repo, p *Plan) (err error) {
	repoID := r.RowID
	if p.refs, err = s.Git.Refs(ctx, s.DB, repoID, "refs/"); err != nil {
		return err
	}
	stored, err := s.stored(ctx, repoID)
	if err != nil || len(stored) == 0 {
		return err
	}
	h, err := s.history(ctx, repoID, p.refs)
	if err != nil {
		return err
	}
	kept := h.keep(int(p.Keep), stored)
	noted, err := getNoted(ctx, s.DB, selectNoted, repoID)
	if err != nil {
		return err
	}
	for i := range stored {
		if kept[stored[i].SHA256] || h.paths[stored[i].SHA256] == "" && stored[i].Path == "" {
			continue
		}
		p.add(&stored[i], h.paths[stored[i].SHA256], noted, s.Now(), since(r))
	}
	for _, v := range p.Versions {
		delete(noted, v.Hash)
	}
	p.stale = slices.Collect(maps.Keys(noted))
	slices.SortStableFunc(p.Versions, func(a, b Version) int { return a.Since.Compare(b.Since) })
	return nil
}

func (p *Plan) add(f *xetstore.Stored, path string, noted map[xet.Hash]time.Time, now, since time.Time) {
	v := Version{File: f.File, Path: path, Since: noted[f.Hash]}
	if !v.Since.IsZero() && v.Since.Before(since) {
		v.Since = since
	}
	if path == "" {
		v.Path = f.Path
	}
	p.Bytes += v.Size
	if v.Due = p.Grace == 0 || !v.Since.IsZero() && !v.Since.Add(p.Grace).After(now); v.Due {
		p.DueBytes += v.Size
	}
	p.Versions = append(p.Versions, v)
}

// stored are all large files of a repository that the hub has hashed, the newest first.
func (s *Service) stored(ctx context.Context, repoID string) ([]xetstore.Stored, error) {
	all, err := s.allStored(ctx, repoID)
	return slices.DeleteFunc(all, func(f xetstore.Stored) bool { return f.SHA256 == hub.SHA256{} }), err // no commit can name those
}

// allStored are those that it has not hashed as well.
func (s *Service) allStored(ctx context.Context, repoID string) (all []xetstore.Stored, err error) {
	const page = 1000
	var after xetstore.Place
	for {
		list, err := s.Xet.Stored(ctx, repoID, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < page {
			return all, nil
		}
		if len(all) > maxFiles {
			return nil, errs.New(errs.Unprocessable, "The repository has more than %d large files", maxFiles)
		}
		after = xetstore.Place{Since: list[page-1].Since, Hash: list[page-1].Hash}
	}
}

// history is what the refs and all behind them say of large files.
type history struct {
	used     map[hub.SHA256]bool     // by the tip of a ref
	versions map[string][]hub.SHA256 // by path, that which was in use last first
	paths    map[hub.SHA256]string   // one for each
}

func (s *Service) history(ctx context.Context, repoID string, refs []gitstore.Ref) (*history, error) {
	h := &history{used: map[hub.SHA256]bool{}, versions: map[string][]hub.SHA256{}, paths: map[hub.SHA256]string{}}
	g, err := s.Git.Open(ctx, repoID)
	if err != nil {
		return nil, err
	}
	tips := make([]hub.OID, len(refs))
	for i, ref := range refs {
		tips[i] = ref.OID
	}
	if err := g.LargeFiles(ctx, tips, func(_ string, p *git.Pointer) { h.used[p.SHA256] = true }); err != nil {
		return nil, err
	}
	type at struct {
		path string
		sha  hub.SHA256
	}
	seen := map[at]bool{}
	return h, g.LargeHistory(ctx, tips, func(path string, p *git.Pointer) {
		if k := (at{path, p.SHA256}); !seen[k] {
			seen[k] = true
			h.versions[path] = append(h.versions[path], p.SHA256)
			h.paths[p.SHA256] = path
		}
	})
}

// keep is what stays: what is used, and the newest n of each path. A file that only commits named that no ref reaches any
// more is an older version of the path that it was first committed to.
func (h *history) keep(n int, stored []xetstore.Stored) map[hub.SHA256]bool {
	kept := map[hub.SHA256]bool{}
	for sha := range h.used {
		kept[sha] = true
	}
	count, have := map[string]int{}, make(map[hub.SHA256]bool, len(stored))
	for i := range stored {
		have[stored[i].SHA256] = true
	}
	for path, list := range h.versions {
		list = slices.DeleteFunc(list, func(sha hub.SHA256) bool { return !have[sha] }) // deleted, or given up before
		count[path] = len(list)
		for _, sha := range list[:min(n, len(list))] {
			kept[sha] = true
		}
	}
	for i := range stored { // the newest first
		f := &stored[i]
		if h.paths[f.SHA256] != "" || f.Path == "" {
			continue
		}
		if count[f.Path]++; count[f.Path] <= n {
			kept[f.SHA256] = true
		}
	}
	return kept
}
