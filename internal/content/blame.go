package content

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

var blameLimits = gitstore.BlameLimits{Bytes: 4 << 20, Lines: 100_000, Commits: 20_000, Time: 10 * time.Second}

// Blame is who brought the lines of a file.
type Blame struct {
	*gitstore.Blame
	Commits map[hub.OID]*git.Commit // of the hunks
}

// Blame follows the lines of a file back through the history. The file of a large one is its pointer.
func (s *Service) Blame(ctx context.Context, snap *Snapshot, p string) (*Blame, error) {
	if err := checkReadPath(p); err != nil {
		return nil, err
	}
	out := &Blame{Commits: map[hub.OID]*git.Commit{}}
	err := inTurn(ctx, s.blaming, func() (err error) {
		out.Blame, err = snap.Git.Blame(ctx, snap.Commit, p, blameLimits)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, h := range out.Hunks {
		if out.Commits[h.Commit] == nil {
			if out.Commits[h.Commit], err = snap.Git.Commit(ctx, h.Commit); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
