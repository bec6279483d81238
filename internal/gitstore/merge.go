package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of a merge.
const (
	maxMerges      = 2 // at once
	mergeTime      = time.Minute
	mergeMemory    = 1 << 30
	maxMergeOutput = 8 << 20 // bytes of what git says of conflicts
)

// MergeSpec says what is merged. Without a Base, Ours and Theirs are commits and git finds their best common ancestors,
// several of them if the histories cross. With one all three are trees, as in a revert or a cherry-pick.
type MergeSpec struct {
	Base         *hub.OID
	Ours, Theirs hub.OID
	OursName     string // what git's messages call the sides
	TheirsName   string
	Unrelated    bool // the commits need no common ancestor
}

// Merged is the outcome of a merge. What git wrote lies in a folder of its own until Close.
type Merged struct {
	Tree      hub.OID // meaningless with conflicts
	Conflicts []Conflict
	More      bool // there are more conflicts than those

	view    *Repo
	objects string
	dir     string
}

// Merge does a three-way merge with git's own merge-tree, renames and all, on the copy's objects. Nothing of the
// repository changes: new objects are written to a folder beside it. No attributes apply and no merge driver runs, for
// attributes are files of the repository and whoever pushes would choose them.
func (p *Copy) Merge(ctx context.Context, spec MergeSpec) (*Merged, error) {
	wait, cancel := context.WithTimeout(ctx, processWait)
	defer cancel()
	select {
	case p.c.merges <- struct{}{}:
		defer func() { <-p.c.merges }()
	case <-wait.Done():
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errs.New(errs.Unavailable, "Too many merges run at once. Try again in a minute.")
	}
	m := &Merged{view: p.view}
	if err := p.merge(ctx, m, spec); err != nil {
		m.Close()
		return nil, errs.Wrap("gitstore.Merge", err)
	}
	return m, nil
}

// Close removes what the merge wrote.
func (m *Merged) Close() {
	if m.dir != "" {
		_ = os.RemoveAll(m.dir)
	}
}

func (p *Copy) merge(ctx context.Context, m *Merged, spec MergeSpec) (err error) {
	if m.dir, err = os.MkdirTemp(p.c.root, "merge-*"); err != nil {
		return err
	}
	m.objects = filepath.Join(m.dir, "objects")
	if err := os.Mkdir(m.objects, 0o700); err != nil {
		return err
	}
	ours, theirs := spec.Ours, spec.Theirs
	if spec.Base != nil {
		if ours, theirs, err = m.standIns(*spec.Base, ours, theirs); err != nil {
			return err
		}
	}
	args := []string{"merge-tree", "--write-tree", "-z"}
	if spec.Unrelated {
		args = append(args, "--allow-unrelated-histories")
	}
	out := &headBuffer{max: maxMergeOutput}
	ctx, cancel := context.WithTimeoutCause(ctx, mergeTime, errs.New(errs.TooLarge, "The merge takes more than %s. Merge it with git and push the result.", mergeTime))
	defer cancel()
	stderr, err := p.c.run(ctx, process{
		args: append(args, ours.String(), theirs.String()),
		env: []string{"GIT_DIR=" + p.w.dir, "GIT_OBJECT_DIRECTORY=" + m.objects,
			"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + filepath.Join(p.w.dir, "objects"),
			"GIT_ATTR_NOSYSTEM=1", "GIT_ATTR_SOURCE=" + git.EmptyTree.String()},
		stdout: out,
		memory: mergeMemory,
	})
	clean, err := mergeEnd(err, stderr)
	if err != nil {
		return errors.Join(err, p.c.dropBroken(p.w))
	}
	said, err := parseMerge(out.Bytes(), out.full, clean, ours, theirs)
	if err != nil {
		return err
	}
	names := strings.NewReplacer(ours.String(), spec.OursName, theirs.String(), spec.TheirsName)
	for i := range said.conflicts {
		said.conflicts[i].Message = names.Replace(said.conflicts[i].Message)
	}
	m.Tree, m.Conflicts, m.More = said.tree, said.conflicts, said.more
	return nil
}

// mergeEnd tells a clean merge (git ends with 0) and one with conflicts (1) from a failure.
func mergeEnd(err error, stderr string) (clean bool, _ error) {
	code, ended := exitCode(err)
	switch {
	case err == nil:
		return true, nil
	case aborted(err): // an assertion of its own failed, as happens to 2.39 with renames
		return false, &errs.Error{Kind: errs.Unprocessable, Err: fmt.Errorf("%w: %s", err, stderr),
			Msg: "Git itself fails on this merge. Merge in a clone, with another strategy or by hand, and push the result."}
	case !ended:
		return false, err
	case code == 1:
		return false, nil
	case strings.Contains(stderr, "ut of memory"):
		return false, errs.New(errs.TooLarge, "The merge needs more than %d bytes of memory. Merge it with git and push the result.", int64(mergeMemory))
	}
	return false, fmt.Errorf("%w: %s", err, stderr)
}

// standIns writes commits of two trees that have parted from a third, for git to merge.
func (m *Merged) standIns(base, ours, theirs hub.OID) (a, b hub.OID, err error) {
	root, err := m.standIn(base, nil)
	if err != nil {
		return a, b, err
	}
	if a, err = m.standIn(ours, []hub.OID{root}); err != nil {
		return a, b, err
	}
	b, err = m.standIn(theirs, []hub.OID{root})
	return a, b, err
}

func (m *Merged) standIn(tree hub.OID, parents []hub.OID) (hub.OID, error) {
	who := git.Signature{Name: "-", Email: "-", When: time.Unix(0, 0)}
	data := (&git.Commit{Tree: tree, Parents: parents, Author: who, Committer: who}).Encode()
	oid := git.Hash(git.KindCommit, data)
	var b bytes.Buffer
	if err := git.AppendLoose(&b, git.KindCommit, data); err != nil {
		return oid, err
	}
	path := m.path(oid)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return oid, err
	}
	return oid, os.WriteFile(path, b.Bytes(), 0o600)
}

func (m *Merged) path(oid hub.OID) string {
	name := oid.String()
	return filepath.Join(m.objects, name[:2], name[2:])
}

// headBuffer keeps the first bytes that are written and drops the rest.
type headBuffer struct {
	bytes.Buffer
	max  int
	full bool
}

func (h *headBuffer) Write(p []byte) (int, error) {
	room := max(0, h.max-h.Len())
	h.full = h.full || len(p) > room
	_, _ = h.Buffer.Write(p[:min(room, len(p))])
	return len(p), nil
}
