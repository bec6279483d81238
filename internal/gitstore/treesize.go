package gitstore

import (
	"context"
	"math"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// factKey names a fact about immutable objects of one repository.
type factKey struct {
	repo string
	kind factKind
	a, b hub.OID
	path string
}

type factKind uint8

const (
	factTreeSize factKind = iota
	factCount
	factLast
	factPathLog
	factBlame
	factAncestor
)

type treeSize struct{ files, bytes int64 }

// TreeSize is the number of files at a path and the bytes that they stand for (an LFS file counts whole). It is
// computed once per folder, so a tree that holds one folder a million times costs no more. Sums stop at the largest
// int64.
func (r *Repo) TreeSize(ctx context.Context, tree hub.OID, path string) (files, bytes int64, err error) {
	e, err := r.Entry(ctx, tree, path)
	if err != nil {
		return 0, 0, err
	}
	if !e.Mode.IsDir() {
		info, _ := blobInfo(r.st.Load(), e.OID)
		return 1, info.FileSize(), nil
	}
	s, err := r.treeSize(ctx, e.OID, 0)
	return s.files, s.bytes, err
}

func (r *Repo) treeSize(ctx context.Context, oid hub.OID, depth int) (treeSize, error) {
	key := factKey{repo: r.id, kind: factTreeSize, a: oid}
	if v, ok := r.s.facts.Get(key); ok {
		return v.(treeSize), nil
	}
	if depth > maxTreeDepth {
		return treeSize{}, errs.New(errs.Unprocessable, "Folders are nested deeper than %d", maxTreeDepth)
	}
	if err := ctx.Err(); err != nil {
		return treeSize{}, err
	}
	t, err := r.Tree(ctx, oid)
	if err != nil {
		return treeSize{}, err
	}
	var sum treeSize
	st := r.st.Load()
	for i := 0; i < t.Len(); i++ {
		e := t.At(i)
		one := treeSize{files: 1}
		if e.Mode.IsDir() {
			if one, err = r.treeSize(ctx, e.OID, depth+1); err != nil {
				return sum, err
			}
		} else if info, ok := blobInfo(st, e.OID); ok {
			one.bytes = info.FileSize()
		}
		sum.files, sum.bytes = addSat(sum.files, one.files), addSat(sum.bytes, one.bytes)
	}
	r.s.facts.Put(key, sum, 32)
	return sum, nil
}

func addSat(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
