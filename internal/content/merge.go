package content

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// FastForward says what a merge does where the branch has nothing of its own.
type FastForward string

// The choices.
const (
	ForwardAllow FastForward = "allow" // move the branch, without a commit; the default
	ForwardNever FastForward = "never" // make a commit of two parents all the same
	ForwardOnly  FastForward = "only"  // refuse where the branch has commits of its own
)

// Merge is a merge of a revision into a branch.
type Merge struct {
	Move
	From        string // revision
	Message     string // empty: as git words it
	FastForward FastForward
	Squash      bool // one commit with the same files, and no second parent
	Unrelated   bool // the two need no commit in common
}

// Merge merges a revision into a branch as git does, renames and all. Conflicts change nothing; the error tells them.
func (s *Service) Merge(ctx context.Context, actor hub.Actor, r *repo.Repo, m Merge) (*Moved, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return s.move(ctx, actor, r, m.Move, "repo.merge", func(ctx context.Context, a *attempt) error {
		from, err := a.source(ctx, m.From)
		if err != nil {
			return err
		}
		return a.planMerge(ctx, m, from)
	})
}

func (m *Merge) check() error {
	switch m.FastForward {
	case "":
		m.FastForward = ForwardAllow
	case ForwardAllow, ForwardNever, ForwardOnly:
	default:
		return errs.New(errs.Invalid, `fastForward must be "allow", "never" or "only", not %q.`, m.FastForward)
	}
	if m.From == "" {
		return errs.New(errs.Invalid, `"from" must name the branch, tag or commit that is merged.`)
	}
	if m.Squash && m.FastForward == ForwardOnly {
		return errs.New(errs.Invalid, `A squash makes a commit; it cannot be "fastForward": "only".`)
	}
	return checkMessage(m.Message)
}

func (a *attempt) planMerge(ctx context.Context, m Merge, from *Snapshot) error {
	g := from.Git
	if done, err := g.IsAncestor(ctx, from.Commit, a.base.Commit); done || err != nil {
		a.stay()
		return err
	}
	behind, err := g.IsAncestor(ctx, a.base.Commit, from.Commit)
	if err != nil {
		return err
	}
	switch {
	case behind && !m.Squash && m.FastForward != ForwardNever:
		a.status, a.commit, a.tree = MoveForwarded, from.Commit, from.Tree
		return nil
	case m.FastForward == ForwardOnly:
		return errs.New(errs.Conflict, "%s has commits that %s lacks, so it cannot be fast-forwarded.", hub.ShortRef(a.ref), m.From)
	}
	a.status = MoveCreated
	if behind {
		a.tree = from.Tree
	} else if err := a.mergeCommits(ctx, m, from); err != nil {
		return err
	}
	return a.mergeCommit(ctx, m, from)
}

// mergeCommits merges two histories that have parted.
func (a *attempt) mergeCommits(ctx context.Context, m Merge, from *Snapshot) error {
	_, related, err := from.Git.MergeBase(ctx, a.base.Commit, from.Commit)
	if err != nil {
		return err
	}
	if !related && !m.Unrelated {
		return errs.New(errs.Unprocessable, `%s and %s have no commit in common. Say "allowUnrelated": true to merge them all the same.`, hub.ShortRef(a.ref), m.From)
	}
	return a.threeWay(ctx, threeWay{ours: a.base.Commit, theirs: from.Commit, name: m.From, unrelated: !related})
}

func (a *attempt) mergeCommit(ctx context.Context, m Merge, from *Snapshot) error {
	msg := m.Message
	if msg == "" {
		msg = mergeMessage(m.From, from.Ref, a.ref, a.repo.DefaultBranch)
		if m.Squash {
			var err error
			if msg, err = squashMessage(ctx, a.base.Commit, from); err != nil {
				return err
			}
		}
	}
	a.create = &git.Commit{Parents: []hub.OID{a.base.Commit, from.Commit}, Message: endLine(msg)}
	if m.Squash {
		a.create.Parents = a.create.Parents[:1]
		if a.tree == a.base.Tree {
			a.stay()
		}
	}
	return nil
}

// mergeMessage words the commit as git merge does.
func mergeMessage(rev, ref, into, main string) string {
	msg := "Merge commit '" + rev + "'"
	if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		msg = "Merge branch '" + name + "'"
	} else if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		msg = "Merge tag '" + name + "'"
	}
	if name := hub.ShortRef(into); name != main && name != "master" {
		msg += " into " + name
	}
	return msg
}

// checkMessage bounds a message that may be empty.
func checkMessage(msg string) error {
	switch {
	case len(msg) > maxMessage:
		return errs.New(errs.TooLarge, "The message may have %d bytes.", maxMessage)
	case strings.ContainsRune(msg, 0):
		return errs.New(errs.Invalid, "A commit message may not hold NUL bytes.")
	case msg != "" && strings.TrimSpace(msg) == "":
		return errs.New(errs.Invalid, "The message is empty; leave it out to have one written.")
	}
	return nil
}

func endLine(msg string) string { return strings.TrimSpace(msg) + "\n" }
