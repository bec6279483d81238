package content

import (
	"context"
	"errors"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Ref is a branch, tag or other ref as the API lists it.
type Ref struct {
	Name         string `json:"name"`
	Ref          string `json:"ref"`
	TargetCommit string `json:"targetCommit"`

	Object hub.OID `json:"-"` // what the ref names: of an annotated tag the tag
}

// Refs are all refs of a repository by kind.
type Refs struct {
	Branches     []Ref `json:"branches"`
	Converts     []Ref `json:"converts"`
	Tags         []Ref `json:"tags"`
	PullRequests []Ref `json:"pullRequests,omitzero"` // nil: not asked for
}

// Refs lists branches, tags, converts and, if asked for, pull requests.
func (s *Service) Refs(ctx context.Context, r *repo.Repo, pulls bool) (*Refs, error) {
	all, err := s.git.Refs(ctx, s.db, r.RowID, "refs/")
	if err != nil {
		return nil, err
	}
	out := &Refs{Branches: []Ref{}, Converts: []Ref{}, Tags: []Ref{}}
	if pulls {
		out.PullRequests = []Ref{}
	}
	for _, x := range all {
		for _, k := range []struct {
			prefix string
			list   *[]Ref
			show   bool
		}{{"refs/heads/", &out.Branches, true}, {"refs/tags/", &out.Tags, true}, {"refs/convert/", &out.Converts, true}, {"refs/pr/", &out.PullRequests, pulls}} {
			if name, ok := strings.CutPrefix(x.Name, k.prefix); ok && k.show {
				*k.list = append(*k.list, Ref{Name: name, Ref: x.Name, TargetCommit: x.OID.String(), Object: x.OID})
			}
		}
	}
	return out, nil
}

// branchRef turns a revision into the ref that a commit moves. A commit id cannot be committed to.
func (s *Service) branchRef(ctx context.Context, r *repo.Repo, rev string) (string, error) {
	switch {
	case rev == "" || rev == "HEAD" || rev == r.DefaultBranch:
		return "refs/heads/" + r.DefaultBranch, nil
	case strings.HasPrefix(rev, "refs/tags/"):
		return "", errs.New(errs.Invalid, "A tag cannot be committed to; name a branch.")
	case strings.HasPrefix(rev, "refs/"):
	default:
		rev = "refs/heads/" + rev
	}
	if _, ok, err := s.git.Ref(ctx, s.db, r.RowID, rev); err != nil || !ok {
		if err != nil {
			return "", err
		}
		return "", errs.RevisionNotFound(hub.ShortRef(rev))
	}
	return rev, nil
}

// NewBranch says where a branch starts.
type NewBranch struct {
	Name      string
	Start     string // revision, also a commit that no ref reaches any more; empty: the default branch
	Empty     bool   // start with no files and no history
	Overwrite bool   // move the branch if it exists
}

// CreateBranch makes a branch.
func (s *Service) CreateBranch(ctx context.Context, actor hub.Actor, r *repo.Repo, n NewBranch) error {
	if err := CheckRefName(n.Name); err != nil {
		return err
	}
	ref := "refs/heads/" + n.Name
	old, exists, err := s.git.Ref(ctx, s.db, r.RowID, ref)
	if err != nil {
		return err
	}
	if exists && !n.Overwrite {
		return errs.New(errs.Conflict, "Reference %s already exists", ref)
	}
	done, err := s.turns.Take(ctx, r.RowID)
	if err != nil {
		return err
	}
	defer done()
	err = following(func() error {
		var packs []*gitstore.Pack
		target, unmoved, err := s.branchStart(ctx, actor, r, n, &packs)
		if err != nil {
			return err
		}
		if exists {
			if err := s.checkOverwrite(ctx, actor, r, ref, n.Empty, target); err != nil {
				return err
			}
		}
		return s.publish(ctx, actor, r, packs, gitstore.RefUpdate{Name: ref, Old: old, New: target}, "repo.branch.create", true, unmoved)
	})
	if errs.Is(err, errs.Conflict) {
		return errs.New(errs.Conflict, "Reference %s already exists", ref)
	}
	if err == nil && n.Name == r.DefaultBranch {
		s.refreshNow(ctx, r.RowID)
	}
	return err
}

func (s *Service) branchStart(ctx context.Context, actor hub.Actor, r *repo.Repo, n NewBranch, packs *[]*gitstore.Pack) (hub.OID, inTx, error) {
	if !n.Empty {
		snap, unmoved, err := s.startAt(ctx, r, n.Start)
		if isNotFound(err) {
			oid, err := s.lost(ctx, r, n.Start, err)
			return oid, anyway, err
		}
		if err != nil {
			return hub.OID{}, nil, err
		}
		return snap.Commit, unmoved, nil
	}
	w := s.git.NewPack(ctx, r.RowID)
	defer w.Abort()
	tree, err := w.AddBytes(git.KindTree, nil)
	if err != nil {
		return hub.OID{}, nil, err
	}
	oid, err := s.writeCommit(ctx, actor, w, tree, nil, "initial commit\n")
	if err != nil {
		return hub.OID{}, nil, err
	}
	p, err := w.Finish(ctx)
	*packs = append(*packs, p)
	return oid, anyway, err
}

// anyway is the check of what starts from no ref.
func anyway(context.Context, *db.Tx) error { return nil }

var errStartMoved = errs.New(errs.Unavailable, "The revision moves too fast to start from it; try again.")

// following repeats f while the ref that it starts from moves meanwhile.
func following(f func() error) (err error) {
	for range commitRetry {
		if err = f(); !errors.Is(err, errStartMoved) {
			break
		}
	}
	return err
}

// startAt opens a revision to start a ref from, and gives the check that the ref which the revision names has not moved
// until then: a history that was rewritten meanwhile must not come back by a new name.
func (s *Service) startAt(ctx context.Context, r *repo.Repo, rev string) (*Snapshot, inTx, error) {
	named, err := s.At(ctx, r, rev)
	if err != nil {
		return nil, nil, err
	}
	was, _, err := s.git.Ref(ctx, s.db, r.RowID, named.Ref)
	if err != nil {
		return nil, nil, err
	}
	if r, err = s.repos.Get(ctx, nil, r.RowID); err != nil { // with the head of now
		return nil, nil, err
	}
	snap, err := s.At(ctx, r, rev)
	return snap, func(ctx context.Context, tx *db.Tx) error {
		now, _, err := s.git.Ref(ctx, tx, r.RowID, named.Ref)
		if err == nil && now != was {
			err = errStartMoved
		}
		return err
	}, err
}

// DeleteBranch removes a branch; the default branch stays.
func (s *Service) DeleteBranch(ctx context.Context, actor hub.Actor, r *repo.Repo, name string) error {
	ref := "refs/heads/" + strings.TrimPrefix(name, "refs/heads/")
	if ref == "refs/heads/"+r.DefaultBranch {
		return errs.New(errs.Forbidden, "Cannot delete %s: it is the default branch", ref)
	}
	return s.deleteRef(ctx, actor, r, ref, name, "repo.branch.delete")
}

// CreateTag tags a revision; a message makes the tag annotated.
func (s *Service) CreateTag(ctx context.Context, actor hub.Actor, r *repo.Repo, rev, name, msg string) error {
	if err := CheckRefName(name); err != nil {
		return err
	}
	if len(msg) > maxMessage || strings.ContainsRune(msg, 0) {
		return errs.New(errs.Invalid, "The message of a tag may have %d bytes and no NUL.", maxMessage)
	}
	err := following(func() error {
		snap, unmoved, err := s.startAt(ctx, r, rev)
		if err != nil {
			return err
		}
		target, packs, err := s.tagOf(ctx, actor, snap, name, msg)
		if err != nil {
			return err
		}
		return s.publish(ctx, actor, r, packs, gitstore.RefUpdate{Name: "refs/tags/" + name, New: target}, "repo.tag.create", false, unmoved)
	})
	if errs.Is(err, errs.Conflict) {
		return errs.New(errs.Conflict, "Reference refs/tags/%s already exists", name)
	}
	return err
}

// tagOf is what a tag names: the commit, or with a message an object that is written for it.
func (s *Service) tagOf(ctx context.Context, actor hub.Actor, snap *Snapshot, name, msg string) (hub.OID, []*gitstore.Pack, error) {
	if msg == "" {
		return snap.Commit, nil, nil
	}
	w := s.git.NewPack(ctx, snap.Repo.RowID)
	defer w.Abort()
	t := git.Tag{Object: snap.Commit, Kind: git.KindCommit, Name: name, Tagger: repo.Author(actor, s.now()), Message: msg + "\n"}
	target, err := w.AddBytes(git.KindTag, t.Encode())
	if err != nil {
		return target, nil, err
	}
	p, err := w.Finish(ctx)
	return target, []*gitstore.Pack{p}, err
}

// DeleteTag removes a tag.
func (s *Service) DeleteTag(ctx context.Context, actor hub.Actor, r *repo.Repo, name string) error {
	return s.deleteRef(ctx, actor, r, "refs/tags/"+strings.TrimPrefix(name, "refs/tags/"), name, "repo.tag.delete")
}

func (s *Service) deleteRef(ctx context.Context, actor hub.Actor, r *repo.Repo, ref, shown, kind string) error {
	old, ok, err := s.git.Ref(ctx, s.db, r.RowID, ref)
	if err != nil {
		return err
	}
	if !ok {
		return errs.RevisionNotFound(shown)
	}
	return s.publish(ctx, actor, r, nil, gitstore.RefUpdate{Name: ref, Old: old}, kind, false)
}

// moveHead keeps the repository's row in step with its default branch. It may have moved since r was read: ownerID is whose
// it is by now.
func (s *Service) moveHead(ctx context.Context, tx *db.Tx, r *repo.Repo, head hub.OID, derive bool) (ownerID string, err error) {
	if ownerID, err = s.repos.MoveHead(ctx, tx, r.RowID, head, s.now()); err != nil || !derive {
		return ownerID, err
	}
	return ownerID, s.enqueueRefresh(ctx, tx, r.RowID)
}
