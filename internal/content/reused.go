package content

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// An old commit may name large files that the repository has not any more: they were deleted, or given up as old
// versions. A change that takes one up again, by a copy, a revert, a merge, is refused, for the branch would name
// nothing. What the branch names already, or moves to another path, is not asked for again; and a branch may be set to
// an old commit as it is, which is history and not a new file.

// proveReused finds large files that a change takes up. Their names belong into the transaction of the change, which
// fails if one goes meanwhile.
func (s *Service) proveReused(ctx context.Context, repoID string, files []gitstore.LargeFile) ([]xetstore.Named, error) {
	if len(files) == 0 {
		return nil, nil
	}
	shas := make([]hub.SHA256, len(files))
	for i, f := range files {
		shas[i] = f.Pointer.SHA256
	}
	known, err := s.xet.FindFiles(ctx, s.db, repoID, shas)
	if err != nil {
		return nil, err
	}
	named := make([]xetstore.Named, len(files))
	for i, f := range files {
		have, ok := known[f.Pointer.SHA256]
		if !ok || have.Size != f.Pointer.Size {
			return nil, errs.New(errs.Invalid, "The large file %s of %q is not in this repository any more: it was deleted, or given up as an old version. Upload it again first.",
				f.Pointer.SHA256, f.Path)
		}
		named[i] = xetstore.Named{Hash: have.Hash, Path: f.Path}
	}
	return named, nil
}

// proveEdits is proveReused for what edits of a snapshot bring in.
func (s *Service) proveEdits(ctx context.Context, base *Snapshot, edits []gitstore.Edit) ([]xetstore.Named, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	files, err := base.Git.LargeChanges().Of(ctx, base.Tree, edits)
	if err != nil {
		return nil, err
	}
	return s.proveReused(ctx, base.Repo.RowID, files)
}

// proveReused is that for a change of a branch's history, unless it sets the branch to a commit as it is.
func (a *attempt) proveReused(ctx context.Context) (err error) {
	var files []gitstore.LargeFile
	switch {
	case a.status == MoveReset:
	case a.merged != nil:
		files, err = a.merged.LargeChanges().Between(ctx, a.base.Tree, a.tree)
	case a.edits != nil:
		files, err = a.base.Git.LargeChanges().Of(ctx, a.base.Tree, a.edits)
	default:
		files, err = a.base.Git.LargeChanges().Between(ctx, a.base.Tree, a.tree)
	}
	if err == nil {
		a.reused, err = a.s.proveReused(ctx, a.repo.RowID, files)
	}
	return err
}

// checkReused refuses the commands whose commits take up large files that are gone. Each is compared with where its ref
// was, or with the commit that a new ref's own begin at.
func (p *push) checkReused(ctx context.Context, in *gitstore.Incoming) error {
	if len(in.Repo().Packs()) == 0 {
		return nil
	}
	changes, starts := in.LargeChanges(), starts{}
	for i, c := range p.Commands {
		if p.reason[i] != "" || c.New.IsZero() {
			continue
		}
		from, to, err := p.compared(ctx, in, c, starts)
		if err != nil {
			return err
		}
		files, err := changes.Between(ctx, from, to)
		var named []xetstore.Named
		if err == nil {
			named, err = p.s.proveReused(ctx, p.repo.RowID, files)
		}
		switch {
		case err == nil:
			p.also = append(p.also, p.s.name(p.repo.RowID, c.Name, p.actor, named))
		case said(err) == "":
			return err
		default:
			p.refuse(i, err)
			changes.Again()
		}
	}
	return nil
}

// compared are the trees before and after a command; equal ones where it only names what is there.
func (p *push) compared(ctx context.Context, in *gitstore.Incoming, c git.RefCommand, starts starts) (from, to hub.OID, err error) {
	oid, ok, err := commitOf(ctx, in, c.New)
	if err != nil || !ok {
		return from, to, err
	}
	start := c.Old
	if isTag(c.Name) || start.IsZero() {
		start, err = starts.find(ctx, in, oid)
	} else if in.Repo().Has(oid) && in.Repo().Has(start) {
		var back bool
		if back, err = in.Repo().IsAncestor(ctx, oid, start); back {
			start = oid
		}
	}
	if err != nil || start == oid {
		return from, to, err
	}
	if to, err = treeOf(ctx, in, oid); err == nil && !start.IsZero() {
		from, err = treeOf(ctx, in, start)
	}
	return from, to, err
}

// commitOf is the commit that a ref is to name in the end; a tag may name something else.
func commitOf(ctx context.Context, in *gitstore.Incoming, oid hub.OID) (commit hub.OID, ok bool, err error) {
	for range 10 {
		switch kind, _ := in.Kind(oid); kind {
		case git.KindCommit:
			return oid, true, nil
		case git.KindTag:
		default:
			return oid, false, nil
		}
		t, err := in.Tag(ctx, oid)
		if err != nil {
			return oid, false, err
		}
		oid = t.Object
	}
	return oid, false, nil
}

// starts remembers, by commits that a push brings, the one of the repository that they stand on, first parents only;
// zero: none.
type starts map[hub.OID]hub.OID

func (s starts) find(ctx context.Context, in *gitstore.Incoming, tip hub.OID) (start hub.OID, err error) {
	var way []hub.OID
	for at := tip; ; {
		known, ok := s[at]
		if ok {
			start = known
			break
		}
		if in.Repo().Has(at) {
			start = at
			break
		}
		way = append(way, at)
		c, err := in.Commit(ctx, at)
		if err != nil {
			return start, err
		}
		if len(c.Parents) == 0 {
			break
		}
		at = c.Parents[0]
	}
	for _, oid := range way {
		s[oid] = start
	}
	return start, nil
}
