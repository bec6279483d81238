package content

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const (
	readmePath   = "README.md"
	maxSummary   = 1000
	maxMessage   = 64 << 10
	commitRetry  = 20
	staleMessage = "The branch was updated since you opened this page. Please refresh and try again."
)

// NewCommit is what a commit says of itself.
type NewCommit struct {
	Branch      string // revision: a branch, its full ref name, HEAD, or refs/pr/N
	Summary     string
	Description string
	Parent      string // 40 hex; the commit fails when the branch is elsewhere
}

// Commit applies operations, read from ops one by one, to a branch. The bytes are written while they are read; then one
// transaction moves the branch. Without Parent a branch that moved meanwhile is followed; with it the answer is 412.
func (s *Service) Commit(ctx context.Context, actor hub.Actor, r *repo.Repo, n NewCommit, ops iter.Seq2[Operation, error]) (hub.OID, error) {
	ref, err := s.branchRef(ctx, r, n.Branch)
	if err != nil {
		return hub.OID{}, err
	}
	if err := n.check(); err != nil {
		return hub.OID{}, err
	}
	if err := s.quota.Room(ctx, r.RowID, 0); err != nil {
		return hub.OID{}, err
	}
	w := s.git.NewPack(ctx, r.RowID)
	defer w.Abort()
	c := &changes{typ: r.Type, byPath: map[string]int{}, deletes: map[int]deletion{}}
	for op, err := range ops {
		if err != nil {
			return hub.OID{}, err
		}
		if err := s.add(ctx, w, c, op); err != nil {
			return hub.OID{}, err
		}
	}
	if err := s.prove(ctx, w, r.RowID, c); err != nil {
		return hub.OID{}, s.unlessGone(ctx, r, err)
	}
	if err := checkCard(c, r.Type); err != nil {
		return hub.OID{}, err
	}
	oid, err := s.land(ctx, actor, r, ref, n, w, c)
	if err == nil && c.derived && ref == "refs/heads/"+r.DefaultBranch {
		s.refreshNow(ctx, r.RowID)
	}
	return oid, err
}

// unlessGone is a refusal, unless the repository was deleted meanwhile and its files with it: then that is what to say.
func (s *Service) unlessGone(ctx context.Context, r *repo.Repo, refusal error) error {
	if _, err := s.repos.Get(ctx, s.db, r.RowID); errs.Is(err, errs.NotFound) {
		return err
	}
	return refusal
}

func (n NewCommit) check() error {
	switch {
	case strings.TrimSpace(n.Summary) == "":
		return errs.New(errs.Invalid, "A commit needs a summary.")
	case len(n.Summary) > maxSummary || len(n.Description) > maxMessage:
		return errs.New(errs.TooLarge, "The summary may have %d bytes, the description %d.", maxSummary, maxMessage)
	case strings.ContainsRune(n.Summary+n.Description, 0):
		return errs.New(errs.Invalid, "A commit message may not hold NUL bytes.")
	}
	return checkParent(n.Parent)
}

func checkParent(parent string) error {
	if parent == "" {
		return nil
	}
	if _, err := hub.ParseOID(parent); err != nil {
		return errs.New(errs.Invalid, "parentCommit must be a commit id of 40 hex digits, not %q.", parent)
	}
	return nil
}

// checkCard refuses a README whose front matter is invalid, by the rule that validate-yaml tells.
func checkCard(c *changes, t hub.RepoType) error {
	if c.readme == nil {
		return nil
	}
	return checkCardText(c.readme, t)
}

func checkCardText(text []byte, t hub.RepoType) error {
	_, problems, _ := card.Parse(text, t)
	if len(problems) == 0 {
		return nil
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Message
	}
	return errs.New(errs.Invalid, "Invalid metadata in README.md: %s", strings.Join(texts, "; ")).With("errors", problems)
}

// land puts the commit on the branch, following it while others move it.
func (s *Service) land(ctx context.Context, actor hub.Actor, r *repo.Repo, ref string, n NewCommit, w *gitstore.PackWriter, c *changes) (hub.OID, error) {
	done, err := s.turns.Take(ctx, r.RowID)
	if err != nil {
		return hub.OID{}, err
	}
	defer done()
	var packs []*gitstore.Pack
	for range commitRetry {
		base, err := s.baseOf(ctx, r, ref)
		if err != nil {
			return hub.OID{}, err
		}
		if n.Parent != "" && n.Parent != base.Commit.String() {
			return hub.OID{}, errs.New(errs.PreconditionFailed, staleMessage)
		}
		oid, err := s.build(ctx, actor, base, n, w, c)
		if err != nil {
			return hub.OID{}, err
		}
		pack, err := w.Finish(ctx)
		if err != nil {
			return hub.OID{}, err
		}
		packs = append(packs, pack)
		err = s.publish(ctx, actor, r, packs, gitstore.RefUpdate{Name: ref, Old: base.Commit, New: oid, Forward: true}, "repo.commit", c.derived,
			s.name(r.RowID, ref, actor, slices.Concat(c.named, c.reused)))
		if err == nil {
			return oid, nil
		}
		if !errs.Is(err, errs.Conflict) {
			return hub.OID{}, err
		}
		pack.MarkLoose()
		w = s.git.NewPack(ctx, r.RowID) // the blobs are in the first pack; only trees and commit are made again
		defer w.Abort()
	}
	return hub.OID{}, errs.New(errs.Unavailable, "The branch moves too fast to commit to it; try again.")
}

// baseOf opens the branch as it is now; a branch that does not exist yet is the empty tree.
func (s *Service) baseOf(ctx context.Context, r *repo.Repo, ref string) (*Snapshot, error) {
	g, err := s.git.Open(ctx, r.RowID)
	if err != nil {
		return nil, err
	}
	head, ok, err := s.git.Ref(ctx, s.db, r.RowID, ref)
	if err != nil {
		return nil, err
	}
	if !ok {
		return &Snapshot{Repo: r, Git: g, Ref: ref}, nil
	}
	c, err := g.Commit(ctx, head)
	if err != nil {
		return nil, err
	}
	return &Snapshot{Repo: r, Git: g, Commit: head, Tree: c.Tree, Ref: ref}, nil
}

// build writes the trees and the commit object.
func (s *Service) build(ctx context.Context, actor hub.Actor, base *Snapshot, n NewCommit, w *gitstore.PackWriter, c *changes) (hub.OID, error) {
	edits, taken, err := s.resolve(ctx, base, c)
	if err == nil {
		c.reused, err = s.proveEdits(ctx, base, taken)
	}
	if err == nil && !base.Commit.IsZero() {
		err = s.checkLocks(ctx, actor, base.Repo.RowID, base.entry, base.edited(edits))
	}
	if err != nil {
		return hub.OID{}, err
	}
	tree, err := base.Git.EditTree(ctx, w, base.Tree, edits)
	if err != nil {
		return hub.OID{}, err
	}
	var parents []hub.OID
	if !base.Commit.IsZero() {
		parents = append(parents, base.Commit)
	}
	return s.writeCommit(ctx, actor, w, tree, parents, message(n.Summary, n.Description))
}

func (s *Service) writeCommit(ctx context.Context, actor hub.Actor, w *gitstore.PackWriter, tree hub.OID, parents []hub.OID, msg string) (hub.OID, error) {
	who := repo.Author(actor, s.now())
	c := git.Commit{Tree: tree, Parents: parents, Author: who, Committer: who, Message: msg}
	return w.AddBytes(git.KindCommit, c.Encode())
}

func message(summary, description string) string {
	msg := strings.TrimSpace(summary) + "\n"
	if d := strings.TrimSpace(description); d != "" {
		msg += "\n" + d + "\n"
	}
	return msg
}

// publish makes one change of a ref visible.
func (s *Service) publish(ctx context.Context, actor hub.Actor, r *repo.Repo, packs []*gitstore.Pack, up gitstore.RefUpdate, kind string, derive bool, also ...inTx) error {
	return s.publishRefs(ctx, actor, r, packs, []gitstore.RefUpdate{up}, func(gitstore.RefUpdate) string { return kind }, derive, also...)
}

// inTx is what a change does beside moving refs, in the same transaction.
type inTx func(ctx context.Context, tx *db.Tx) error

// publishRefs is the one transaction that makes changes of refs visible: packs, refs by compare-and-swap, the
// repository's head, an event for each ref, the job that derives facts.
func (s *Service) publishRefs(ctx context.Context, actor hub.Actor, r *repo.Repo, packs []*gitstore.Pack, ups []gitstore.RefUpdate,
	kind func(gitstore.RefUpdate) string, derive bool, also ...inTx) error {
	return s.git.Publish(ctx, r.RowID, packs, ups, func(tx *db.Tx) error {
		owner := r.OwnerID
		for _, up := range ups {
			if up.Name == "refs/heads/"+r.DefaultBranch {
				now, err := s.moveHead(ctx, tx, r, up.New, derive)
				if err != nil {
					return err
				}
				owner = cmp.Or(now, owner)
			}
			if err := event.Append(ctx, tx, event.Event{RepoID: r.RowID, OwnerID: owner, Kind: kind(up), ActorID: actor.UserID,
				Data: map[string]any{"ref": up.Name, "old": up.Old.String(), "new": up.New.String()}}); err != nil {
				return err
			}
		}
		for _, f := range also {
			if err := f(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}
