package content

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// LogOptions choose a page of a history.
type LogOptions struct {
	Page  int // from 0
	Limit int
}

// maxSkip bounds how deep into a history one call may reach.
const maxSkip = 1 << 20

// Log is a page of the commits that a revision reaches, newest first, and their number.
func (s *Service) Log(ctx context.Context, snap *Snapshot, o LogOptions) (commits []gitstore.CommitInfo, more bool, total int, err error) {
	if o.Page < 0 || o.Page*o.Limit > maxSkip {
		return nil, false, 0, errs.New(errs.Invalid, "The page %d is out of range.", o.Page)
	}
	commits, more, err = snap.Git.Log(ctx, snap.Commit, gitstore.LogOptions{Skip: o.Page * o.Limit, Limit: o.Limit})
	if err != nil {
		return nil, false, 0, err
	}
	total, err = snap.Git.Count(ctx, snap.Commit)
	return commits, more, total, err
}

const maxCompare = 10_000

// Change is a line of a comparison, in the words of git diff --raw.
type Change struct {
	Status           string // A, M, D, T
	Path             string
	Old              hub.OID
	New              hub.OID
	OldMode, NewMode string
}

// Compare lists what changed from one revision to another: base..head, or base...head from where the two parted.
func (s *Service) Compare(ctx context.Context, r *repo.Repo, spec string) ([]Change, error) {
	base, head, three, err := splitCompare(spec)
	if err != nil {
		return nil, err
	}
	a, err := s.At(ctx, r, base)
	if err != nil {
		return nil, err
	}
	b, err := s.At(ctx, r, head)
	if err != nil {
		return nil, err
	}
	from := a.Commit
	if three {
		mb, ok, err := b.Git.MergeBase(ctx, a.Commit, b.Commit)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errs.New(errs.Invalid, "%s and %s have no common history.", base, head)
		}
		from = mb
	}
	list, more, err := b.Git.Diff(ctx, from, b.Commit, gitstore.DiffOptions{Limit: maxCompare})
	if err != nil {
		return nil, err
	}
	if more {
		return nil, errs.New(errs.Unprocessable, "The two revisions differ in more than %d files; compare closer ones.", maxCompare)
	}
	out := make([]Change, len(list))
	for i, c := range list {
		out[i] = changeOf(c)
	}
	return out, nil
}

func splitCompare(spec string) (base, head string, three bool, err error) {
	base, head, ok := strings.Cut(spec, "...")
	if !ok {
		if base, head, ok = strings.Cut(spec, ".."); !ok {
			return "", "", false, errs.New(errs.Invalid, "A comparison is written base..head or base...head.")
		}
		return base, head, false, nil
	}
	return base, head, true, nil
}

func changeOf(c gitstore.Change) Change {
	out := Change{Status: "M", Path: c.Path, Old: c.OldOID, New: c.NewOID, OldMode: c.OldMode.String(), NewMode: c.NewMode.String()}
	switch {
	case c.OldOID.IsZero():
		out.Status = "A"
	case c.NewOID.IsZero():
		out.Status = "D"
	case c.OldMode != c.NewMode && (c.OldMode^c.NewMode)&0o170000 != 0:
		out.Status = "T"
	}
	return out
}
