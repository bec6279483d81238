package content

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Pick is one commit to be reverted or repeated on a branch.
type Pick struct {
	Move
	Commit   string // revision
	Mainline int    // of a merge: the parent, from 1, that its changes are taken against
	Message  string // empty: as git words it
}

// picked is the commit of a Pick.
type picked struct {
	oid    hub.OID
	commit *git.Commit
	parent hub.OID // zero: it has none
	before hub.OID // the parent's tree
}

// Revert undoes a commit on a branch, by a commit that changes back what it changed.
func (s *Service) Revert(ctx context.Context, actor hub.Actor, r *repo.Repo, p Pick) (*Moved, error) {
	return s.pick(ctx, actor, r, p, "repo.revert", func(ctx context.Context, a *attempt, c *picked) error {
		a.create = &git.Commit{Message: revertMessage(c)}
		return a.apply(ctx, c.commit.Tree, c.before, "parent of "+c.label())
	})
}

// CherryPick repeats a commit on a branch. The new commit keeps author, date of writing and message.
func (s *Service) CherryPick(ctx context.Context, actor hub.Actor, r *repo.Repo, p Pick) (*Moved, error) {
	return s.pick(ctx, actor, r, p, "repo.cherry-pick", func(ctx context.Context, a *attempt, c *picked) error {
		a.create = &git.Commit{Author: c.commit.Author, Message: c.commit.Message}
		if enc := c.commit.Encoding(); enc != "" {
			a.create.Headers = []git.Header{{Key: "encoding", Value: enc}}
		}
		return a.apply(ctx, c.before, c.commit.Tree, c.label())
	})
}

func (s *Service) pick(ctx context.Context, actor hub.Actor, r *repo.Repo, p Pick, kind string, do func(context.Context, *attempt, *picked) error) (*Moved, error) {
	if p.Commit == "" {
		return nil, errs.New(errs.Invalid, `"commit" must name a commit.`)
	}
	if err := checkMessage(p.Message); err != nil {
		return nil, err
	}
	return s.move(ctx, actor, r, p.Move, kind, func(ctx context.Context, a *attempt) error {
		c, err := a.picked(ctx, p)
		if err != nil {
			return err
		}
		a.status = MoveCreated
		if err := do(ctx, a, c); err != nil {
			return err
		}
		if p.Message != "" {
			a.create.Message = endLine(p.Message)
		}
		a.create.Parents = []hub.OID{a.base.Commit}
		if a.tree == a.base.Tree {
			a.stay()
		}
		return nil
	})
}

// picked finds the commit, and the parent that its changes are taken against.
func (a *attempt) picked(ctx context.Context, p Pick) (*picked, error) {
	snap, err := a.source(ctx, p.Commit)
	if err != nil {
		return nil, err
	}
	c, err := snap.Git.Commit(ctx, snap.Commit)
	if err != nil {
		return nil, err
	}
	out := &picked{oid: snap.Commit, commit: c, before: git.EmptyTree}
	n := len(c.Parents)
	switch {
	case p.Mainline < 0 || p.Mainline > max(n, 1) || n == 0 && p.Mainline > 0:
		return nil, errs.New(errs.Invalid, "The commit %s has %d parents, so there is no mainline %d.", snap.Commit, n, p.Mainline)
	case n == 0:
		return out, nil
	case n > 1 && p.Mainline == 0:
		return nil, errs.New(errs.Invalid, `The commit %s is a merge. Say "mainline": 1 for what it changed against its first parent.`, snap.Commit)
	}
	out.parent = c.Parents[max(p.Mainline, 1)-1]
	parent, err := snap.Git.Commit(ctx, out.parent)
	if err != nil {
		return nil, err
	}
	out.before = parent.Tree
	return out, nil
}

func (c *picked) label() string { return fmt.Sprintf("%.7s (%s)", c.oid, c.title()) }

// title is the message's first line.
func (c *picked) title() string {
	line, _, _ := strings.Cut(strings.TrimLeft(c.commit.Message, "\n"), "\n")
	return line
}

// revertMessage words the commit as git revert does.
func revertMessage(c *picked) string {
	msg := "Revert \"" + c.title() + "\"\n\nThis reverts commit " + c.oid.String()
	if len(c.commit.Parents) > 1 {
		msg += ", reversing\nchanges made to " + c.parent.String()
	}
	return msg + ".\n"
}

// apply does to the branch's files what leads from one tree to another.
func (a *attempt) apply(ctx context.Context, from, to hub.OID, name string) error {
	switch a.base.Tree {
	case from:
		a.tree = to
		return nil
	case to:
		a.tree = to
		return nil
	}
	if from == to {
		a.tree = a.base.Tree
		return nil
	}
	return a.threeWay(ctx, threeWay{base: &from, ours: a.base.Tree, theirs: to, name: name})
}
