package repo

import (
	"encoding/json"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/hub"
)

// Repo is a repository's row without what was derived from its files, which is read when it is shown. A Repo may come
// from a cache and is shared: it must not be changed.
type Repo struct {
	RowID         string         `db:"id"`
	Type          hub.RepoType   `db:"type"`
	OwnerID       string         `db:"owner_id"`
	Namespace     string         `db:"namespace"`
	Name          string         `db:"name"`
	CreatedBy     string         `db:"created_by"`
	Visibility    hub.Visibility `db:"visibility"`
	Gated         string         `db:"gated"` // empty, auto, manual
	Disabled      bool           `db:"disabled"`
	NoDiscussions bool           `db:"discussions_disabled"`
	DefaultBranch string         `db:"default_branch"`
	CreatedAt     int64          `db:"created_at"`  // unix microseconds
	ModifiedAt    int64          `db:"modified_at"` // of the content
	Head          string         `db:"head"`        // commit of the default branch, 40 hex digits
	Downloads     int64          `db:"downloads"`   // last 30 days
	DownloadsAll  int64          `db:"downloads_all"`
	Likes         int64          `db:"likes"`
	Trending      float64        `db:"trending"`
	PipelineTag   string         `db:"pipeline_tag"`
	LibraryName   string         `db:"library_name"`
	SDK           string         `db:"sdk"`
	UsedStorage   int64          `db:"used_storage"` // bytes

	LFSThreshold    *int64  `db:"lfs_threshold"` // nil: the server's default
	LFSKeepVersions *int64  `db:"lfs_keep_versions"`
	LFSKeepSince    *int64  `db:"lfs_keep_since"`   // unix microseconds; nil: it said how many when that had no effect
	LFSSuffixRules  *string `db:"lfs_suffix_rules"` // JSON array

	// What gitstore needs to open the repository without a query.
	PackSeq   int64 `db:"pack_seq"`
	FoldEpoch int64 `db:"fold_epoch"`
}

// ID is the repository's name.
func (r *Repo) ID() hub.RepoID {
	return hub.RepoID{Type: r.Type, Namespace: r.Namespace, Name: r.Name}
}

// Row names the repository's row.
func (r *Repo) Row() hub.RepoRow { return hub.RepoRow{ID: r.RowID, OwnerID: r.OwnerID} }

// Subject is what authz decides on.
func (r *Repo) Subject() authz.Subject {
	return authz.Subject{
		RepoID: r.RowID, OwnerID: r.OwnerID, CreatedBy: r.CreatedBy, Visibility: r.Visibility, Gated: r.Gated, Disabled: r.Disabled,
	}
}

// Private reports whether only those with a right may see the repository.
func (r *Repo) Private() bool { return r.Visibility != hub.Public }

// Modified is when the content last changed.
func (r *Repo) Modified() time.Time { return time.UnixMicro(r.ModifiedAt).UTC() }

// KeepsVersions reports whether the repository asks by itself to keep some versions of its large files only.
func (r *Repo) KeepsVersions() bool { return r.LFSKeepVersions != nil && r.LFSKeepSince != nil }

// SuffixRules are the repository's own suffixes of large files; nil when it has none.
func (r *Repo) SuffixRules() []string {
	if r.LFSSuffixRules == nil {
		return nil
	}
	var list []string
	_ = json.Unmarshal([]byte(*r.LFSSuffixRules), &list)
	return list
}

// LFS are the rules by which a file becomes a large one.
type LFS struct {
	Threshold int64    // bytes from which on a file is large
	Suffixes  []string // endings that are large whatever their size
}

// isoTime prints a time as clients parse it: UTC, milliseconds, Z.
func isoTime(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000Z")
}
