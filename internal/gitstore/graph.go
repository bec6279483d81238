package gitstore

import (
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

// queue gives commits newest first, and of those of one second the one that came first, as git does.
type queue struct {
	waiting []queued
	came    int
}

type queued struct {
	*node
	at int
}

func (q *queue) Len() int { return len(q.waiting) }

func (q *queue) Less(i, j int) bool {
	a, b := q.waiting[i], q.waiting[j]
	if a.when != b.when {
		return a.when > b.when
	}
	return a.at < b.at
}

func (q *queue) Swap(i, j int) { q.waiting[i], q.waiting[j] = q.waiting[j], q.waiting[i] }

// Push is heap.Interface's.
func (q *queue) Push(x any) {
	q.came++
	q.waiting = append(q.waiting, queued{x.(*node), q.came})
}

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	last := len(q.waiting) - 1
	n := q.waiting[last].node
	q.waiting[last] = queued{}
	q.waiting = q.waiting[:last]
	return n
}

func (q *queue) add(n *node)   { heap.Push(q, n) }
func (q *queue) newest() *node { return heap.Pop(q).(*node) }
