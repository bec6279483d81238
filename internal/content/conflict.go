package content

import (
	"bytes"
	"context"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// Conflict is a path on which two sides of a merge do not agree.
type Conflict struct {
	Path    string   `json:"path"`
	Kind    string   `json:"kind"` // content, add/add, modify/delete, rename/rename …
	Message string   `json:"message"`
	Base    *Version `json:"base,omitempty"` // what both come from; absent: there was nothing
	Ours    *Version `json:"ours,omitempty"` // the branch's
	Theirs  *Version `json:"theirs,omitempty"`
}

// Version is what lies at a path on one side.
type Version struct {
	Mode string `json:"mode"`
	OID  string `json:"oid"`
	LFS  *LFS   `json:"lfs,omitempty"`
}

// threeWay says what to merge: two commits or, with a base, two trees.
type threeWay struct {
	base         *hub.OID
	ours, theirs hub.OID
	name         string // of theirs, in messages
	unrelated    bool
}

// threeWay merges as git does. Conflicts are an error.
func (a *attempt) threeWay(ctx context.Context, t threeWay) error {
	if done, err := a.mergeApart(ctx, t); done || err != nil {
		return err
	}
	p, err := a.s.copies.Use(ctx, a.repo.RowID, "refs/heads/"+a.repo.DefaultBranch)
	if err != nil {
		return err
	}
	defer p.Release()
	a.merged, err = p.Merge(ctx, gitstore.MergeSpec{Base: t.base, Ours: t.ours, Theirs: t.theirs,
		OursName: hub.ShortRef(a.ref), TheirsName: t.name, Unrelated: t.unrelated})
	if err != nil {
		return err
	}
	if len(a.merged.Conflicts) > 0 {
		return conflictError(ctx, p.Repo(), a.merged)
	}
	a.tree = a.merged.Tree
	return nil
}

// mergeApart does a merge for which nobody needs git, with what is in memory. It reports whether it did.
func (a *attempt) mergeApart(ctx context.Context, t threeWay) (bool, error) {
	base, theirs := t.base, t.theirs
	if base == nil {
		g := a.base.Git
		oid, ok, err := g.OnlyMergeBase(ctx, t.ours, t.theirs)
		if err != nil || !ok {
			return false, err
		}
		base = &oid
	}
	edits, ok, err := a.base.Git.MergeApart(ctx, *base, a.base.Tree, theirs)
	if err != nil || !ok {
		return false, err
	}
	tree, err := a.base.Git.EditTree(ctx, a.w, a.base.Tree, edits)
	if errs.Is(err, errs.Invalid) {
		return false, nil // a file and a folder of one name, or modes of old: git's to decide
	}
	if err != nil {
		return false, err
	}
	a.tree, a.edits = tree, edits
	return true, nil
}

func conflictError(ctx context.Context, g *gitstore.Repo, m *gitstore.Merged) error {
	list := make([]Conflict, len(m.Conflicts))
	for i, c := range m.Conflicts {
		list[i] = Conflict{Path: c.Path, Kind: c.Kind, Message: c.Message,
			Base: versionOf(ctx, g, c.Base), Ours: versionOf(ctx, g, c.Ours), Theirs: versionOf(ctx, g, c.Theirs)}
	}
	return refuseMerge(list, m.More)
}

func refuseMerge(list []Conflict, more bool) error {
	paths := "1 path"
	if len(list) > 1 || more {
		paths = "several paths"
	}
	return errs.New(errs.Conflict, "The changes conflict on %s, beginning with %q: %s. Nothing was changed; merge with git and push the result.",
		paths, list[0].Path, list[0].Kind).With("conflicts", list).With("truncated", more)
}

func versionOf(ctx context.Context, g *gitstore.Repo, v gitstore.Version) *Version {
	if v.OID.IsZero() {
		return nil
	}
	out := &Version{Mode: v.Mode.String(), OID: v.OID.String()}
	if info, err := g.BlobInfo(ctx, v.OID); err == nil && info.Pointer != nil {
		out.LFS = &LFS{OID: info.Pointer.SHA256.String(), Size: info.Pointer.Size, PointerSize: info.Size}
	}
	return out
}

// keepMerged writes what a merge made, by the rules that a commit obeys.
func (a *attempt) keepMerged(ctx context.Context) error {
	var large []largeFile
	err := a.merged.WriteTo(ctx, a.w, a.s.limits.RegularFile, func(path string, e git.TreeEntry, blob []byte) error {
		if blob != nil && bytes.HasPrefix(blob, pointerHead) {
			ptr, ok := git.ParsePointer(blob)
			if !ok {
				return refuseMerge([]Conflict{{Path: path, Kind: "content", Message: "The two pointers to large files do not make one."}}, false)
			}
			large = append(large, largeFile{path, ptr.SHA256, ptr.Size})
		}
		if plainName(e.Name) && len(path) <= maxPath {
			return nil
		}
		return CheckPath(path)
	})
	if err != nil {
		return err
	}
	return a.s.proveMerged(ctx, a.repo.RowID, large)
}

// pointerHead is how every pointer to a large file begins, also one that a merge of lines has broken.
var pointerHead = []byte("version https://git-lfs.github.com/spec/")

// proveMerged checks pointers that came of merging lines of others.
func (s *Service) proveMerged(ctx context.Context, repoID string, large []largeFile) error {
	if len(large) == 0 {
		return nil
	}
	shas := make([]hub.SHA256, len(large))
	for i, l := range large {
		shas[i] = l.sha
	}
	known, err := s.xet.FindFiles(ctx, s.db, repoID, shas)
	if err != nil {
		return err
	}
	for _, l := range large {
		if f, ok := known[l.sha]; !ok || f.Size != l.size {
			return refuseMerge([]Conflict{{Path: l.path, Kind: "content", Message: "The two pointers to large files do not make one."}}, false)
		}
	}
	return nil
}
