package gitstore

import (
	"bytes"
	"container/heap"
	"context"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// node is a commit as walks over the history need it.
type node struct {
	oid     hub.OID
	tree    hub.OID
	parents []hub.OID
	when    int64 // committer's clock, unix seconds
}

func (r *Repo) node(ctx context.Context, oid hub.OID) (*node, error) {
	key := objectKey{r.id, oid}
	if n, ok := r.s.nodes.Get(key); ok {
		return n, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, ok := r.cachedCommit(key)
	if !ok {
		// Not through the cache of objects: a walk over a long history would empty it.
		data, err := r.object(ctx, oid, git.KindCommit, git.MaxWhole)
		if err != nil {
			return nil, err
		}
		if c, err = git.ParseCommit(data); err != nil {
			return nil, wrapGit(err)
		}
	}
	n := &node{oid: oid, tree: c.Tree, parents: c.Parents, when: c.Committer.When.Unix()}
	r.s.nodes.Put(key, n, 80+20*int64(len(n.parents)))
	return n, nil
}

func (r *Repo) cachedCommit(key objectKey) (*git.Commit, bool) {
	v, ok := r.s.objects.Get(key)
	if !ok {
		return nil, false
	}
	c, ok := v.(*git.Commit)
	return c, ok
}

// queue gives commits newest first.
type queue []*node

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].when != q[j].when {
		return q[i].when > q[j].when
	}
	return bytes.Compare(q[i].oid[:], q[j].oid[:]) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *queue) Push(x any) { *q = append(*q, x.(*node)) }

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	old := *q
	n := old[len(old)-1]
	*q = old[:len(old)-1]
	return n
}

func (q *queue) add(n *node)   { heap.Push(q, n) }
func (q *queue) newest() *node { return heap.Pop(q).(*node) }
