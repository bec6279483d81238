package fsck

import (
	"context"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/xet"
)

// note writes down what was found so far, with the repositories and files that it takes away, and marks damaged xorbs so
// that the hub asks for their bytes again.
func (c *Checker) note(ctx context.Context, now time.Time) error {
	if !c.found.any() {
		return nil
	}
	if err := c.locate(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	xorbs := c.xorbs
	c.xorbs = map[xet.Hash]*Finding{}
	c.mu.Unlock()
	for h := range xorbs {
		if err := c.d.Xet.NoteDamage(ctx, h); err != nil {
			return err
		}
	}
	for _, f := range c.found.take() {
		f.tidy()
		if err := c.d.keep(ctx, f, now); err != nil {
			return err
		}
	}
	return nil
}

// keep writes one finding down and says so in the log when it is new.
func (d *Deps) keep(ctx context.Context, f *Finding, now time.Time) error {
	if f.Severity != Damage {
		return nil
	}
	isNew, err := keep(ctx, d.DB, f, now.UnixMicro())
	if err == nil && isNew {
		d.Log.Error("stored bytes are damaged", "kind", f.Kind, "object", f.Key, "detail", f.Detail, "repositories", repositories(f.Affects), "do", f.Kind.Advice())
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
	for h, f := range c.xorbs {
		ids, err := c.d.Xet.ReposWith(ctx, h, maxReposWith)
		if err != nil {
			return err
		}
		for _, id := range ids {
			a, err := c.repoName(ctx, id)
			if err != nil {
				return err
			}
			c.found.touch(f, a)
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

// Keep writes down what a run found, as a scrub does, and ends what was found earlier and is not so any more, as far as
// this run has looked.
func (c *Checker) Keep(ctx context.Context, r *Report, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for h := range c.xorbs {
		if err := c.d.Xet.NoteDamage(ctx, h); err != nil {
			return err
		}
	}
	still := map[findingKey]bool{}
	for _, f := range r.Findings {
		still[findingKey{f.Kind, f.Key}] = true
		if err := c.d.keep(ctx, f, now); err != nil {
			return err
		}
	}
	if c.o.Repo != nil || r.Damage+r.Warnings+r.Orphans > len(r.Findings) {
		return nil
	}
	open, err := Open(ctx, c.d.DB, maxOpen)
	if err != nil {
		return err
	}
	for _, f := range open {
		if still[findingKey{f.Kind, f.Key}] || !c.o.finds(f.Kind) {
			continue
		}
		if _, err := end(ctx, c.d.DB, f.Kind, f.Key, "sound", now.UnixMicro()); err != nil {
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
