package app

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/quota"
)

// GCCount counts things and their bytes.
type GCCount struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

func (c GCCount) of(what string) string {
	return fmt.Sprintf("%d %s, %s", c.Count, what, quota.Bytes(c.Bytes))
}

// GCReport says what a collection removed, or in a dry run would remove, and what waits.
type GCReport struct {
	DryRun   bool        `json:"dryRun"`
	At       time.Time   `json:"at"`
	HeldBy   []string    `json:"heldBy,omitempty"` // holds of the whole hub: no stored byte was deleted
	Purged   int         `json:"purged"`           // deleted repositories whose time is over
	Deleted  []GCDeleted `json:"deleted"`          // those that may still be brought back
	Versions GCCount     `json:"versions"`         // old versions of large files that were given up
	Git      GCGit       `json:"git"`
	Lost     []GCLost    `json:"uncommitted"` // repositories with large files that no commit names
	Xorbs    GCXorbs     `json:"xorbs"`
	Failures []string    `json:"failures,omitempty"`

	keepUnnamed time.Duration
}

// GCDeleted is a deleted repository.
type GCDeleted struct {
	ID    string    `json:"id"`
	Repo  string    `json:"repo"`
	Owner string    `json:"owner"`
	Bytes int64     `json:"bytes"`
	Until time.Time `json:"until"`
	Held  bool      `json:"held"`
	Due   bool      `json:"due"`
}

// GCGit is about git's packs.
type GCGit struct {
	Repositories int     `json:"repositories"` // of which objects went
	Objects      GCCount `json:"objects"`
	Orphans      int     `json:"orphans"` // packs without a row
	Freed        GCCount `json:"freed"`
	Waiting      GCCount `json:"waiting"`
}

// GCLost is what a repository has that no commit names.
type GCLost struct {
	Repo     string     `json:"repo"`
	Owner    string     `json:"owner"`
	Files    int        `json:"files"`
	Bytes    int64      `json:"bytes"`
	Due      GCCount    `json:"due"`
	Next     *time.Time `json:"next,omitempty"` // when more is due
	Held     bool       `json:"held"`
	TooLarge bool       `json:"tooLarge"` // to look through
}

// GCXorbs is about the content of large files.
type GCXorbs struct {
	Unused  GCCount `json:"unused"`  // taken out of the rows
	Orphans GCCount `json:"orphans"` // without a row
	Freed   GCCount `json:"freed"`
	// Rewritten are those of which little was left and that were written again; Saved are the bytes that their old ones will free.
	Rewritten int   `json:"rewritten"`
	Saved     int64 `json:"saved"`

	Graves  GCCount    `json:"graves"`         // out of the rows, and not deleted yet
	Waiting GCCount    `json:"waiting"`        // that nothing needs and whose time is not over
	Next    *time.Time `json:"next,omitempty"` // when the first of those is due
}

// maxGCRows bounds the repositories that the text names; JSON has all.
const maxGCRows = 50

func (r *GCReport) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	var b strings.Builder
	did := func(done, would string) string {
		if r.DryRun {
			return would
		}
		return done
	}
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if len(r.HeldBy) > 0 {
		say("no stored byte is deleted while somebody holds the hub: %s", strings.Join(r.HeldBy, ", "))
	}
	say("%s %d deleted repositories for good; %d may still be brought back", did("removed", "would remove"), r.Purged, len(r.Deleted))
	for _, d := range firstOf(r.Deleted) {
		say("  %s  %s  %s", d.Repo, quota.Bytes(d.Bytes), untilText(d.Until, d.Held, d.Due))
	}
	if !r.DryRun {
		say("gave up %s beyond those that repositories keep", r.Versions.of("old versions of large files"))
	}
	say("%s %d git objects that nothing reaches from %d repositories", did("removed", "would remove"), r.Git.Objects.Count, r.Git.Repositories)
	if !r.DryRun {
		say("found %d packs that no repository names", r.Git.Orphans)
	}
	say("%s %d packs, %d bytes; %d packs, %d bytes wait for their time (keep-unnamed %s)", did("freed", "would free"),
		r.Git.Freed.Count, r.Git.Freed.Bytes, r.Git.Waiting.Count, r.Git.Waiting.Bytes, r.keepUnnamed)
	r.sayLost(say, did)
	say("%s that no file is made of; %s are waiting%s", did("took ", "would take ")+r.Xorbs.Unused.of("xorbs"), r.Xorbs.Waiting.of("more"), nextText(r.Xorbs.Next))
	say("found %s without a row", r.Xorbs.Orphans.of("xorbs"))
	if !r.DryRun {
		say("wrote %d xorbs again of which little is left; %s will be free when nobody can remember the old ones", r.Xorbs.Rewritten, quota.Bytes(r.Xorbs.Saved))
	}
	say("freed %s; %s are out of the rows and not deleted yet", r.Xorbs.Freed.of("xorbs"), r.Xorbs.Graves.of("more"))
	for _, f := range r.Failures {
		say("not collected: %s", f)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *GCReport) sayLost(say func(string, ...any), did func(done, would string) string) {
	var due, all GCCount
	for _, l := range r.Lost {
		due.Count, due.Bytes = due.Count+l.Due.Count, due.Bytes+l.Due.Bytes
		all.Count, all.Bytes = all.Count+l.Files, all.Bytes+l.Bytes
	}
	say("%s of %s that no commit names", did("gave up ", "would give up ")+due.of("files"), all.of("large files"))
	slices.SortFunc(r.Lost, func(a, b GCLost) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	for _, l := range firstOf(r.Lost) {
		when := nextText(l.Next)
		switch {
		case l.TooLarge:
			when = ": its history is too large to be looked through"
		case l.Held:
			when = ": it is held"
		}
		say("  %s  %s, of which %s%s", l.Repo, GCCount{l.Files, l.Bytes}.of("files"), l.Due.of("are due"), when)
	}
}

func firstOf[T any](list []T) []T { return list[:min(len(list), maxGCRows)] }

func untilText(until time.Time, held, due bool) string {
	switch {
	case held:
		return "held"
	case due:
		return "due"
	}
	return "until " + until.Format("2006-01-02 15:04")
}

func nextText(at *time.Time) string {
	if at == nil {
		return ""
	}
	return ", from " + at.UTC().Format("2006-01-02 15:04")
}
