package fsck

import (
	"context"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/xet"
)

// note writes down what was found so far, with the files that it takes away. Damaged xorbs are marked already.
func (c *Checker) note(ctx context.Context, now time.Time) error {
	if !c.found.any() {
		return nil
	}
	if err := c.locate(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	c.xorbs = map[xet.Hash]*Finding{}
	c.mu.Unlock()
	for _, f := range c.found.take() {
		f.tidy()
		if err := c.keep(ctx, f, now); err != nil {
			return err
		}
	}
	return nil
}

// keep writes one finding down and says so in the log when it is new.
func (c *Checker) keep(ctx context.Context, f *Finding, now time.Time) error {
	if f.Severity != Damage {
		return nil
	}
	k := findingKey{f.Kind, f.Key}
	c.mu.Lock()
	told := c.told[k]
	c.told[k] = true
	c.mu.Unlock()
	isNew, err := keep(ctx, c.d.DB, f, now.UnixMicro(), told)
	if err == nil && isNew {
		c.d.Log.Error("stored bytes are damaged", "kind", f.Kind, "object", f.Key, "detail", f.Detail, "repositories", repositories(f.Affects), "do", f.Kind.Advice())
	}
	return err
}

// Bounds of finding out what damage takes away.
const (
	maxReposWith   = 1000 // repositories of one xorb that are named
	maxReposWalked = 50   // those whose files are, of all damage together
)

// locate finds which repositories and files the damaged objects belong to.
func (c *Checker) locate(ctx context.Context) error {
	repos := map[string]bool{}
	for h := range c.xorbs {
		ids, err := c.d.Xet.ReposWith(ctx, h, maxReposWith)
		if err != nil {
			return err
		}
		for _, id := range ids {
			repos[id] = true
		}
	}
	for id := range c.objects {
		repos[id] = true
	}
	walked := 0
	for id := range repos {
		if walked++; walked > maxReposWalked {
			return nil
		}
		h, err := c.d.Repos.HeadOf(ctx, c.d.DB, id)
		if err != nil {
			return err
		}
		if h == nil {
			continue
		}
		if _, err := c.look(ctx, *h); err != nil {
			return err
		}
	}
	return nil
}

// Keep writes down all that a run found, with what it takes away, and ends what was found earlier and is not so any more,
// as far as this run has looked: nothing if it did not come to its end.
func (c *Checker) Keep(ctx context.Context, r *Report, ended bool) error {
	now := c.o.Now()
	still := map[findingKey]bool{}
	for _, f := range r.Findings {
		still[findingKey{f.Kind, f.Key}] = true
		if err := c.keep(ctx, f, now); err != nil {
			return err
		}
	}
	if !ended || c.o.Repo != nil || r.Damage+r.Warnings+r.Orphans > len(r.Findings) {
		return nil
	}
	open, err := Open(ctx, c.d.DB, maxOpen)
	if err != nil {
		return err
	}
	for _, f := range open {
		how := EndedSound
		switch {
		case still[findingKey{XorbLost, f.Key}], still[findingKey{ObjectLost, f.Key}]:
			how = EndedLost
		case still[findingKey{f.Kind, f.Key}] || !c.o.finds(f.Kind):
			continue
		}
		if _, err := end(ctx, c.d.DB, f.Kind, f.Key, how, now.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// finds reports whether a run with these options finds everything of a kind.
func (o Options) finds(kind Kind) bool {
	switch {
	case kind == FileSHA256:
		return o.SHA256
	case strings.HasSuffix(string(kind), ".corrupt"), strings.HasSuffix(string(kind), ".unreadable"):
		return o.Data && o.Subset == (Subset{})
	}
	return true
}
