package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// CommitInfo is a commit and its id.
type CommitInfo struct {
	OID    hub.OID
	Commit *git.Commit
}

// LogOptions say which part of a history to list.
type LogOptions struct {
	Path  string // only commits that changed the file or folder; empty: all
	Skip  int
	Limit int // 0: 50
}

// Log lists the commits that from has behind it, itself first, newest first. With a Path it follows one parent of a
// merge when that parent has the same at the path, as git log does. more says that there are further ones.
func (r *Repo) Log(ctx context.Context, from hub.OID, o LogOptions) (page []CommitInfo, more bool, err error) {
	if o.Limit <= 0 {
		o.Limit = 50
	}
	if o.Path != "" {
		all, err := r.pathLog(ctx, from, o.Path)
		if err != nil {
			return nil, false, err
		}
		rest := all[min(o.Skip, len(all)):]
		page, err := r.commits(ctx, rest[:min(o.Limit, len(rest))])
		return page, len(rest) > o.Limit, err
	}
	first, err := r.node(ctx, from)
	if err != nil {
		return nil, false, err
	}
	var q queue
	q.add(first)
	seen := map[hub.OID]bool{from: true}
	var oids []hub.OID
	for q.Len() > 0 {
		n := q.newest()
		if o.Skip--; o.Skip < 0 {
			if more = len(oids) == o.Limit; more {
				break
			}
			oids = append(oids, n.oid)
		}
		if err := r.addParents(ctx, &q, seen, n.parents); err != nil {
			return nil, false, err
		}
	}
	page, err = r.commits(ctx, oids)
	return page, more, err
}

func (r *Repo) addParents(ctx context.Context, q *queue, seen map[hub.OID]bool, parents []hub.OID) error {
	for _, p := range parents {
		if seen[p] {
			continue
		}
		seen[p] = true
		n, err := r.node(ctx, p)
		if err != nil {
			return err
		}
		q.add(n)
	}
	return nil
}

func (r *Repo) commits(ctx context.Context, oids []hub.OID) ([]CommitInfo, error) {
	out := make([]CommitInfo, len(oids))
	for i, oid := range oids {
		c, err := r.Commit(ctx, oid)
		if err != nil {
			return nil, err
		}
		out[i] = CommitInfo{oid, c}
	}
	return out, nil
}

// entryOrNone is the entry at a path, zero when there is none.
func (r *Repo) entryOrNone(ctx context.Context, tree hub.OID, path string) (git.TreeEntry, error) {
	e := git.TreeEntry{Mode: git.ModeDir, OID: tree}
	for rest, more := path, path != ""; more; {
		var name string
		name, rest, more = cut(rest)
		if !e.Mode.IsDir() {
			return git.TreeEntry{}, nil
		}
		t, err := r.Tree(ctx, e.OID)
		if err != nil {
			return e, err
		}
		var ok bool
		if e, ok = t.Lookup(name); !ok {
			return git.TreeEntry{}, nil
		}
	}
	return e, nil
}

// Count is the number of commits that from has behind it, itself included. It is kept: the count after one more commit
// is one more.
func (r *Repo) Count(ctx context.Context, from hub.OID) (int, error) {
	total, at := 0, from
	for {
		if v, ok := r.s.facts.Get(r.countKey(at)); ok {
			total += v.(int)
			break
		}
		n, err := r.node(ctx, at)
		if err != nil {
			return 0, err
		}
		if len(n.parents) > 1 { // what the parents share counts once
			all, err := r.reach(ctx, n)
			if err != nil {
				return 0, err
			}
			r.s.facts.Put(r.countKey(at), all, 8)
			total += all
			break
		}
		total++
		if len(n.parents) == 0 {
			break
		}
		at = n.parents[0]
	}
	r.s.facts.Put(r.countKey(from), total, 8)
	return total, nil
}

func (r *Repo) countKey(oid hub.OID) factKey { return factKey{repo: r.id, kind: factCount, a: oid} }

func (r *Repo) reach(ctx context.Context, from *node) (int, error) {
	seen := map[hub.OID]bool{from.oid: true}
	for stack := []*node{from}; len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, p := range n.parents {
			if seen[p] {
				continue
			}
			seen[p] = true
			pn, err := r.node(ctx, p)
			if err != nil {
				return 0, err
			}
			stack = append(stack, pn)
		}
	}
	return len(seen), nil
}
