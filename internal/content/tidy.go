package content

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/jobs"
)

// tidyBatch is the number of repositories that one run of a schedule looks after.
const tidyBatch = 100

// foldJob folds a repository's small packs into larger ones. It leaves a repository alone that is being collected: the
// collection would have to begin again, and that of a large repository with many commits would never end.
func (s *Service) foldJob(ctx context.Context, payload json.RawMessage) error {
	var j repoJob
	if err := json.Unmarshal(payload, &j); err != nil {
		return err
	}
	if collecting, err := s.jobs.Running(ctx, CollectJob, j.RepoID); collecting || err != nil {
		return err
	}
	_, err := s.git.Fold(ctx, j.RepoID)
	if isNotFound(err) {
		return nil
	}
	return err
}

// FoldAll is the schedule that looks for repositories worth folding.
func (s *Service) FoldAll(ctx context.Context) error {
	ids, err := s.git.NeedsFold(ctx, tidyBatch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.jobs.Enqueue(ctx, s.db, jobs.Job{Kind: jobFold, DedupKey: id, Payload: repoJob{id}}); err != nil {
			return err
		}
	}
	return nil
}

// collectPayload is what a job of CollectJob is about.
type collectPayload struct {
	RepoID string    `json:"repo_id"`
	Before time.Time `json:"before"` // what refs left later stays
}

// collectJob removes what no ref of a repository reaches any more.
func (s *Service) collectJob(ctx context.Context, payload json.RawMessage) error {
	var j collectPayload
	if err := json.Unmarshal(payload, &j); err != nil {
		return err
	}
	done, err := s.git.Collect(ctx, j.RepoID, j.Before)
	if isNotFound(err) {
		return nil
	}
	if err != nil || done.Objects == 0 {
		return err
	}
	s.log.Info("collected", "repo", j.RepoID, "objects", done.Objects, "packs", done.Packs, "bytes", done.Bytes)
	return s.db.Settle(ctx)
}

// CollectAll is the schedule that looks for repositories of which refs moved away longer ago than keep.
func (s *Service) CollectAll(ctx context.Context, keep time.Duration) error {
	before := s.now().Add(-keep)
	return s.eachDropped(ctx, before, func(id string) error {
		return s.jobs.Enqueue(ctx, s.db, jobs.Job{Kind: CollectJob, DedupKey: id, Payload: collectPayload{id, before}})
	})
}

// eachDropped calls fn with each repository of which a ref moved away before a time.
func (s *Service) eachDropped(ctx context.Context, before time.Time, fn func(id string) error) error {
	for after := ""; ; {
		ids, err := s.git.NeedsCollect(ctx, before, after, tidyBatch)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := fn(id); err != nil {
				return err
			}
			after = id
		}
		if len(ids) < tidyBatch {
			return nil
		}
	}
}

// Keep says how long what is not needed any more stays.
type Keep struct {
	Unreachable time.Duration // commits that no ref reaches
	Unnamed     time.Duration // stored data that nothing names
}

// Tidied says what Tidy did.
type Tidied struct {
	Repos    int // of which something was removed
	Objects  int
	Bytes    int64 // of packs before less those after; of WouldTidy, of the objects before compression
	Orphans  int   // packs without a row
	Freed    gitstore.Freed
	Skipped  int // repositories that changed too fast, or could not be collected
	Waiting  gitstore.Freed
	Failures []error
}

// count adds what was found in a repository. One that cannot be looked through is told at the end and does not keep the
// others; only the end of ctx ends all.
func (t *Tidied) count(ctx context.Context, objects int, bytes int64, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case isNotFound(err):
	case err != nil:
		t.Skipped, t.Failures = t.Skipped+1, append(t.Failures, err)
	case objects > 0:
		t.Repos, t.Objects, t.Bytes = t.Repos+1, t.Objects+objects, t.Bytes+bytes
	}
	return nil
}

// Tidy does at once what the schedules do over time.
func (s *Service) Tidy(ctx context.Context, keep Keep) (t Tidied, err error) {
	err = s.eachDropped(ctx, s.now().Add(-keep.Unreachable), func(id string) error {
		done, err := s.git.Collect(ctx, id, s.now().Add(-keep.Unreachable))
		return t.count(ctx, done.Objects, done.Bytes, err)
	})
	if err == nil {
		t.Orphans, err = s.git.NoteOrphans(ctx, s.now().Add(-orphanAge))
	}
	if err == nil {
		t.Freed, err = s.git.FreeBlobs(ctx, s.now().Add(-keep.Unnamed))
	}
	if err == nil {
		t.Waiting, err = s.git.Garbage(ctx)
	}
	if err == nil {
		err = s.db.Settle(ctx)
	}
	return t, err
}

// WouldTidy says what Tidy would do, without looking for packs that have no row.
func (s *Service) WouldTidy(ctx context.Context, keep Keep) (t Tidied, err error) {
	before := s.now().Add(-keep.Unreachable)
	err = s.eachDropped(ctx, before, func(id string) error {
		dead, err := s.git.Unreachable(ctx, id, before)
		return t.count(ctx, dead.Objects, dead.Bytes, err)
	})
	if err == nil {
		t.Freed, err = s.git.WouldFree(ctx, s.now().Add(-keep.Unnamed))
	}
	if err == nil {
		t.Waiting, err = s.git.Garbage(ctx)
	}
	return t, err
}

// FreeBlobs is the schedule that deletes stored git data which nothing has named for longer than keep.
func (s *Service) FreeBlobs(ctx context.Context, keep time.Duration) error {
	freed, err := s.git.FreeBlobs(ctx, s.now().Add(-keep))
	if freed.Packs > 0 {
		s.log.Info("freed git packs", "packs", freed.Packs, "bytes", freed.Bytes)
	}
	return err
}

// orphanAge is the least age of a blob without a row: longer than between a push's last byte and its transaction.
const orphanAge = 24 * time.Hour

// NoteOrphans is the schedule that looks through the whole store for git data that no push or commit came to name.
func (s *Service) NoteOrphans(ctx context.Context) error {
	n, err := s.git.NoteOrphans(ctx, s.now().Add(-orphanAge))
	if n > 0 {
		s.log.Info("found git packs without a repository", "packs", n)
	}
	return err
}
