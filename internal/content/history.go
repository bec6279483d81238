package content

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// LogOptions choose a page of a history.
type LogOptions struct {
	Path  string // only commits that changed the file or folder, also one that is not there any more; empty: all
	Page  int    // from 0
	Limit int
}

// maxSkip bounds how deep into a history one call may reach.
const maxSkip = 1 << 20

// Log is a page of the commits that a revision reaches, newest first, and their number.
func (s *Service) Log(ctx context.Context, snap *Snapshot, o LogOptions) (commits []gitstore.CommitInfo, more bool, total int, err error) {
	if o.Page < 0 || o.Page*o.Limit > maxSkip {
		return nil, false, 0, errs.New(errs.Invalid, "The page %d is out of range.", o.Page)
	}
	if o.Path != "" {
		if err := checkReadPath(o.Path); err != nil {
			return nil, false, 0, err
		}
	}
	err = inTurn(ctx, s.computing, func() error {
		commits, more, err = snap.Git.Log(ctx, snap.Commit, gitstore.LogOptions{Path: o.Path, Skip: o.Page * o.Limit, Limit: o.Limit})
		if err != nil {
			return err
		}
		if o.Path != "" {
			total, err = snap.Git.CountPath(ctx, snap.Commit, o.Path)
		} else {
			total, err = snap.Git.Count(ctx, snap.Commit)
		}
		return err
	})
	return commits, more, total, err
}
