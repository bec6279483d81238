package content

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/repo"
)

// Jobs of this package.
const (
	jobRefresh = "content.refresh" // derive what the files of the default branch say
	jobFold    = "content.fold"    // fold a repository's small packs
	CollectJob = "content.collect" // remove what no ref of a repository reaches any more
)

type repoJob struct {
	RepoID string `json:"repo_id"`
}

// enqueueRefresh makes sure that facts follow the commit even if this process ends right after it.
func (s *Service) enqueueRefresh(ctx context.Context, tx *db.Tx, repoID string) error {
	// Later than now: the request that committed refreshes by itself, and the job then finds nothing to do.
	return s.jobs.Enqueue(ctx, tx, jobs.Job{Kind: jobRefresh, DedupKey: repoID, Payload: repoJob{repoID}, RunAt: s.now().Add(10 * time.Second)})
}

// RefreshLater has the facts derived after the transaction.
func (s *Service) RefreshLater(ctx context.Context, tx *db.Tx, repoID string) error {
	return s.jobs.Enqueue(ctx, tx, jobs.Job{Kind: jobRefresh, DedupKey: repoID, Payload: repoJob{repoID}})
}

func (s *Service) refreshJob(ctx context.Context, payload json.RawMessage) error {
	var j repoJob
	if err := json.Unmarshal(payload, &j); err != nil {
		return err
	}
	return s.Refresh(ctx, j.RepoID)
}

// refreshNow derives the facts while the committer waits, so that what they read next is true. If it fails, the job
// does it later.
func (s *Service) refreshNow(ctx context.Context, repoID string) {
	if err := s.Refresh(context.WithoutCancel(ctx), repoID); err != nil {
		s.log.Warn("derive facts", "repo", repoID, "error", err)
	}
}

// Refresh derives the facts of the default branch's present head and records them, unless the branch has moved on by
// then: that commit brings its own refresh. A repository that is gone needs none.
func (s *Service) Refresh(ctx context.Context, repoID string) error {
	r, err := s.repos.Get(ctx, nil, repoID)
	if isNotFound(err) {
		return nil
	}
	if err != nil || r.Head == "" {
		return err
	}
	snap, err := s.At(ctx, r, r.Head)
	if err != nil {
		return err
	}
	facts, err := repo.Derive(ctx, s.source(snap), r.Type)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		now, err := s.repos.Get(ctx, tx, repoID)
		if isNotFound(err) || err == nil && now.Head != r.Head {
			return nil
		}
		if err != nil {
			return err
		}
		return s.repos.Refresh(ctx, tx, repoID, repo.Update{Head: snap.Commit, At: time.UnixMicro(now.ModifiedAt), Facts: facts})
	})
}

// source lets package repo read a snapshot's files.
func (s *Service) source(snap *Snapshot) repo.Source {
	return repo.Source{
		Files: func(ctx context.Context, limit int) ([]string, error) { return snap.firstFiles(ctx, limit) },
		Open: func(ctx context.Context, path string) (io.ReadCloser, int64, error) {
			f, err := s.File(ctx, snap, path)
			if err == nil {
				err = f.Whole()
			}
			if err != nil {
				return nil, 0, err
			}
			rc, err := f.Open(ctx)
			return rc, f.Size, err
		},
	}
}

// firstFiles are the paths of at most limit files, those of the top folder first.
func (s *Snapshot) firstFiles(ctx context.Context, limit int) ([]string, error) {
	if s.Tree.IsZero() {
		return nil, nil
	}
	var top, below []string
	for _, recursive := range []bool{false, true} {
		list, _, err := s.Git.Walk(ctx, s.Tree, gitstore.WalkOptions{Recursive: recursive, Limit: limit})
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			switch {
			case e.IsDir:
			case !recursive:
				top = append(top, e.Path)
			case nested(e.Path):
				below = append(below, e.Path)
			}
		}
	}
	all := append(top, below...)
	return all[:min(len(all), limit)], nil
}

func nested(p string) bool {
	for i := range len(p) {
		if p[i] == '/' {
			return true
		}
	}
	return false
}

// maxSiblings bounds the files that a repository's info names. Clients list the tree themselves when there are more than
// 50,000 (huggingface_hub: VERY_LARGE_REPO_THRESHOLD); a folder that holds itself many times has as many as it likes.
const maxSiblings = 100_000

// ListFiles gives the first maxSiblings files of a commit for package repo's info.
func (s *Service) ListFiles(ctx context.Context, r *repo.Repo, commit string, blobs bool) ([]repo.Sibling, error) {
	snap, err := s.At(ctx, r, commit)
	if err != nil {
		return nil, err
	}
	out := []repo.Sibling{}
	after := ""
	for {
		list, next, err := snap.Git.Walk(ctx, snap.Tree, gitstore.WalkOptions{Recursive: true, After: after, Limit: MaxPage})
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if !e.IsDir {
				out = append(out, siblingOf(e, blobs))
			}
		}
		if after = next; next == "" || len(out) >= maxSiblings {
			return out, nil
		}
	}
}

func siblingOf(e gitstore.Entry, blobs bool) repo.Sibling {
	sib := repo.Sibling{Path: e.Path}
	if !blobs {
		return sib
	}
	size := e.Size
	sib.BlobID = e.OID.String()
	if e.Pointer != nil {
		size = e.Pointer.Size
		sib.LFS = &repo.SiblingLFS{SHA256: e.Pointer.SHA256.String(), Size: e.Pointer.Size, PointerSize: e.Size}
	}
	sib.Size = &size
	return sib
}
