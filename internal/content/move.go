package content

import (
	"context"
	"errors"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Move is what every change of a branch's history states.
type Move struct {
	Branch string // a branch, its full ref name, HEAD, or refs/pr/N
	Parent string // 40 hex; the move fails when the branch is elsewhere
	DryRun bool   // tell what would come of it, and do nothing
}

// What became of a branch.
const (
	MoveCreated   = "created"        // it has a new commit
	MoveForwarded = "fast-forwarded" // it is where the other branch is
	MoveReset     = "reset"          // it is where it was told to be
	MoveUnchanged = "unchanged"      // there was nothing to do
)

// Moved is where a branch is after a change of its history.
type Moved struct {
	Status string
	Commit hub.OID // zero: of a dry run that would make a commit
	Tree   hub.OID
}

// attempt is a plan for a move of a branch from where it is now.
type attempt struct {
	s     *Service
	actor hub.Actor
	repo  *repo.Repo
	ref   string
	base  *Snapshot
	w     *gitstore.PackWriter

	// What a planner fills in.
	status string
	tree   hub.OID
	commit hub.OID     // where the branch is to be, if there is
	create *git.Commit // or a commit to be made, whose author and committer may be zero
	merged *gitstore.Merged
	edits  []gitstore.Edit // or what makes the tree of the base's, where it is not stored yet

	reused  []xetstore.Named // large files that the branch does not name yet
	unmoved []inTx           // checks that the refs which the plan starts from are where they were
	commits []string         // what else it starts from: commits by their ids, which must still be some ref's
}

// source opens a revision that the plan takes something from.
func (a *attempt) source(ctx context.Context, rev string) (*Snapshot, error) {
	snap, unmoved, err := a.s.startAt(ctx, a.repo, rev)
	if err != nil {
		return nil, err
	}
	switch snap.Ref {
	case a.ref: // which is compared with its old value anyway
	case "":
		a.commits = append(a.commits, snap.Commit.String())
	default:
		a.unmoved = append(a.unmoved, unmoved)
	}
	return snap, nil
}

// planner says where a branch goes from where it is.
type planner func(ctx context.Context, a *attempt) error

// move carries out a plan. If the branch moves meanwhile, the plan is made again from there; but not for a reset, which
// would throw away a commit that its caller has not seen.
func (s *Service) move(ctx context.Context, actor hub.Actor, r *repo.Repo, m Move, kind string, plan planner) (*Moved, error) {
	ref, err := s.branchRef(ctx, r, m.Branch)
	if err != nil {
		return nil, err
	}
	if err := checkParent(m.Parent); err != nil {
		return nil, err
	}
	a, err := s.plan(ctx, actor, r, ref, m, plan) // before its turn: a merge may take a while
	if err != nil {
		return nil, err
	}
	defer func() { a.close() }()
	if m.DryRun || a.status == MoveUnchanged {
		return a.outcome(), nil
	}
	done, err := s.turns.Take(ctx, r.RowID)
	if err != nil {
		return nil, err
	}
	defer done()
	for range commitRetry {
		err := a.land(ctx, kind)
		if !errors.Is(err, errMoved) {
			return a.outcome(), err
		}
		if a.status == MoveReset {
			return nil, errs.New(errs.Conflict, "The branch was updated meanwhile; try again.")
		}
		next, err := s.plan(ctx, actor, r, ref, m, plan)
		if err != nil {
			return nil, err
		}
		a.close()
		if a = next; a.status == MoveUnchanged {
			return a.outcome(), nil
		}
	}
	return nil, errs.New(errs.Unavailable, "The branch moves too fast to change it; try again.")
}

// errMoved says that the branch is no longer where a plan began.
var errMoved = errors.New("the branch has moved")

// plan makes a plan for the branch as it is, with all that can be said against it.
func (s *Service) plan(ctx context.Context, actor hub.Actor, r *repo.Repo, ref string, m Move, plan planner) (*attempt, error) {
	base, err := s.baseOf(ctx, r, ref)
	if err != nil {
		return nil, err
	}
	if base.Commit.IsZero() {
		return nil, errs.RevisionNotFound(hub.ShortRef(ref))
	}
	if m.Parent != "" && m.Parent != base.Commit.String() {
		return nil, errs.New(errs.PreconditionFailed, staleMessage)
	}
	a := &attempt{s: s, actor: actor, repo: r, ref: ref, base: base, w: s.git.NewPack(ctx, r.RowID)}
	err = plan(ctx, a)
	if err == nil {
		err = a.build(ctx, m.DryRun)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *attempt) close() {
	a.w.Abort()
	if a.merged != nil {
		a.merged.Close()
	}
}

func (a *attempt) outcome() *Moved { return &Moved{Status: a.status, Commit: a.commit, Tree: a.tree} }

// stay plans to leave the branch where it is.
func (a *attempt) stay() {
	a.status, a.commit, a.tree, a.create = MoveUnchanged, a.base.Commit, a.base.Tree, nil
}

// build applies the rules for what is new, and writes it.
func (a *attempt) build(ctx context.Context, dry bool) error {
	if a.status == MoveUnchanged {
		return nil
	}
	if a.merged != nil {
		if err := a.keepMerged(ctx); err != nil {
			return err
		}
	}
	if err := a.s.checkLocks(ctx, a.actor, a.repo.RowID, a.base.entry, a.entry); err != nil {
		return err
	}
	if err := a.proveReused(ctx); err != nil {
		return err
	}
	if err := a.checkCard(ctx); err != nil || a.create == nil || dry {
		return err
	}
	who := repo.Author(a.actor, a.s.now())
	if a.create.Author == (git.Signature{}) {
		a.create.Author = who
	}
	a.create.Committer, a.create.Tree = who, a.tree
	var err error
	if a.tree == git.EmptyTree {
		_, err = a.w.AddBytes(git.KindTree, nil)
	}
	if err == nil {
		a.commit, err = a.w.AddBytes(git.KindCommit, a.create.Encode())
	}
	return err
}

// land publishes the plan; errMoved if the branch is elsewhere by now.
func (a *attempt) land(ctx context.Context, kind string) error {
	head, _, err := a.s.git.Ref(ctx, a.s.db, a.repo.RowID, a.ref)
	if err != nil {
		return err
	}
	if head != a.base.Commit {
		return errMoved
	}
	for _, c := range a.commits { // a history that was rewritten since the plan was made must not come back by it
		if _, err := a.s.At(ctx, a.repo, c); err != nil {
			return err
		}
	}
	pack, err := a.w.Finish(ctx)
	if err != nil {
		return err
	}
	up := gitstore.RefUpdate{Name: a.ref, Old: a.base.Commit, New: a.commit}
	err = a.s.publish(ctx, a.actor, a.repo, []*gitstore.Pack{pack}, up, kind, true,
		append(slices.Clone(a.unmoved), a.s.name(a.repo.RowID, a.ref, a.actor, a.reused))...)
	if errs.Is(err, errs.Conflict) || errors.Is(err, errStartMoved) {
		return errMoved
	}
	if err == nil && a.ref == "refs/heads/"+a.repo.DefaultBranch {
		a.s.refreshNow(ctx, a.repo.RowID)
	}
	return err
}

// checkCard checks the card that the default branch will have, unless it has it already.
func (a *attempt) checkCard(ctx context.Context) error {
	if a.ref != "refs/heads/"+a.repo.DefaultBranch {
		return nil
	}
	e, err := a.entry(ctx, readmePath)
	if isNotFound(err) || err == nil && (!e.Mode.IsBlob() || e.Mode == git.ModeSymlink) {
		return nil
	}
	if err != nil {
		return err
	}
	if old, err := a.base.entry(ctx, readmePath); err == nil && old.OID == e.OID {
		return nil
	}
	text, err := a.blob(ctx, e.OID, a.s.limits.RegularFile)
	if err != nil {
		return err
	}
	if _, large := git.ParsePointer(text); large {
		return nil
	}
	return checkCardText(text, a.repo.Type)
}

func (a *attempt) entry(ctx context.Context, path string) (*git.TreeEntry, error) {
	if a.merged != nil {
		return a.merged.Entry(ctx, path)
	}
	for _, e := range a.edits {
		if e.Path == path && e.Delete {
			return nil, errs.EntryNotFound(path)
		} else if e.Path == path {
			return &git.TreeEntry{Name: path, Mode: e.Mode, OID: e.OID}, nil
		}
	}
	if a.edits != nil {
		return a.base.entry(ctx, path)
	}
	return a.base.Git.Entry(ctx, a.tree, path)
}

func (a *attempt) blob(ctx context.Context, oid hub.OID, limit int64) ([]byte, error) {
	if a.merged != nil {
		return a.merged.BlobBytes(ctx, oid, limit)
	}
	return a.base.Git.BlobBytes(ctx, oid, limit)
}
