package fsck

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/cairnhub/cairn/internal/blob"
)

// Severity says what a finding means.
type Severity string

// The severities.
const (
	Damage  Severity = "damage"  // something that was promised cannot be had, or is not what it is called
	Warning Severity = "warning" // something keeps damage from being noticed, or was given up as lost: that is known
	Orphan  Severity = "orphan"  // bytes that no row names: no damage, the collector takes them
)

// Kind is what is wrong. Kinds are documented in docs/fsck.md and never change their meaning.
type Kind string

// The kinds. Those of objects in the store end with what is wrong: absent, short, corrupt, unreadable.
const (
	kindXorb    = "xorb."
	kindPack    = "pack."
	kindPicture = "picture."

	XorbRow       Kind = "xorb.row"
	XorbNoRow     Kind = "xorb.norow"
	XorbLost      Kind = "xorb.lost"
	FileTerms     Kind = "file.terms"
	FileSHA256    Kind = "file.sha256"
	FileRights    Kind = "file.rights"
	ObjectMissing Kind = "object.missing"
	ObjectCorrupt Kind = "object.corrupt"
	ObjectLost    Kind = "object.lost"
	RefMissing    Kind = "ref.missing"
	RepoUnread    Kind = "repo.unreadable"
	PointerLost   Kind = "pointer.missing"
	PointerSize   Kind = "pointer.size"
	HeadRow       Kind = "head.row"
	StorageRow    Kind = "storage.row"
	DBDamage      Kind = "db.corrupt"
	DBDangling    Kind = "db.dangling"
	DBWarning     Kind = "db.warning"
	OrphanXorb    Kind = "orphan.xorb"
	OrphanPack    Kind = "orphan.pack"
	OrphanPicture Kind = "orphan.picture"
)

// ofObject is the kind of a damaged object.
func ofObject(prefix string, state blob.State) Kind { return Kind(prefix + string(state)) }

// Severity is what a finding of the kind means.
func (k Kind) Severity() Severity {
	switch {
	case strings.HasPrefix(string(k), "orphan."):
		return Orphan
	case k == DBWarning, k == XorbLost, k == ObjectLost:
		return Warning
	}
	return Damage
}

// Advice says what to do about findings of the kind.
func (k Kind) Advice() string {
	switch {
	case k == XorbLost:
		return "nothing, or upload one of these files again from any copy"
	case k == ObjectLost:
		return "nothing, or commit or push its content again from any copy"
	case strings.HasPrefix(string(k), kindXorb) && k != XorbRow:
		return "upload one of these files again from any copy, or run: cairn repair"
	case strings.HasPrefix(string(k), kindPack), k == ObjectMissing, k == ObjectCorrupt, k == RefMissing, k == RepoUnread:
		return "push the repository again from a clone, or restore it from a backup: see cairn repair --help"
	case k == FileTerms, k == FileSHA256, k == PointerLost, k == PointerSize:
		return "upload the file again from any copy"
	case k == XorbRow, k == FileRights, k == HeadRow:
		return "run: cairn repair"
	case k == StorageRow:
		return "nothing: a running hub counts anew once a day and repairs it"
	case strings.HasPrefix(string(k), kindPicture):
		return "choose the picture again"
	case k == DBDamage, k == DBDangling:
		return "stop the hub, keep a copy of the database, and restore a backup: see docs/backup.md"
	case k.Severity() == Orphan:
		return "nothing: the collector takes it when it is old enough"
	}
	return ""
}

// Affected is a file, or a part of a history, that a finding touches.
type Affected struct {
	Repo     string `json:"repo"`               // ns/name, datasets/ns/name, spaces/ns/name; empty: the repository is gone for good
	RepoID   string `json:"repo_id"`            // its id
	Deleted  bool   `json:"deleted,omitempty"`  // and may be brought back; Repo is what it was called
	Path     string `json:"path,omitempty"`     // empty: all of the repository, or something without a path
	Revision string `json:"revision,omitempty"` // a branch, a tag, or the first commit found that has it
}

// Finding is one thing that is wrong.
type Finding struct {
	Kind     Kind       `json:"kind"`
	Severity Severity   `json:"severity"`
	Key      string     `json:"key"`    // the object in the store, the row or the git object
	Detail   string     `json:"detail"` // what was found, for people
	Affects  []Affected `json:"affects,omitempty"`
	More     int        `json:"more,omitempty"` // further files and histories that it touches
}

// Bounds of a report: what is past them is counted.
const (
	maxFindings = 10_000
	maxAffected = 100
)

// Report is what a run found.
type Report struct {
	Repos    int64 `json:"repos"`
	Files    int64 `json:"files"` // large ones, each repository's for itself
	Objects  int64 `json:"objects"`
	Xorbs    int64 `json:"xorbs"`
	Packs    int64 `json:"packs"`
	Pictures int64 `json:"pictures"`
	Bytes    int64 `json:"bytes"` // read to be hashed

	Damage   int `json:"damage"`
	Warnings int `json:"warnings"`
	Orphans  int `json:"orphans"`

	Findings []*Finding `json:"-"` // the first of them, sorted by kind and key
}

// Clean reports that there is no damage.
func (r *Report) Clean() bool { return r.Damage == 0 }

// findings collects what the workers of a run find. Each kind and key is one finding, however often it is met.
type findings struct {
	mu    sync.Mutex
	byKey map[findingKey]*Finding
	past  map[Severity]int // findings that there was no room for
}

type findingKey struct {
	kind Kind
	key  string
}

func newFindings() *findings {
	return &findings{byKey: map[findingKey]*Finding{}, past: map[Severity]int{}}
}

// add adds a finding or what it touches. It returns the finding that is kept, nil if there is no room.
func (f *findings) add(kind Kind, key, detail string, affects ...Affected) *Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := findingKey{kind, key}
	found := f.byKey[k]
	if found == nil {
		if len(f.byKey) >= maxFindings {
			f.past[kind.Severity()]++
			return nil
		}
		found = &Finding{Kind: kind, Severity: kind.Severity(), Key: key, Detail: detail}
		f.byKey[k] = found
	}
	for _, a := range affects {
		found.touch(a)
	}
	return found
}

// touch notes what a finding touches. The caller holds the lock of the findings.
func (f *Finding) touch(a Affected) {
	switch {
	case slices.Contains(f.Affects, a):
	case len(f.Affects) >= maxAffected:
		f.More++
	default:
		f.Affects = append(f.Affects, a)
	}
}

func (f *findings) touch(found *Finding, a Affected) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found.touch(a)
}

// copy is a finding as it is now, which others may still add to.
func (f *findings) copy(found *Finding) *Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := *found
	is.Affects = slices.Clone(found.Affects)
	is.tidy()
	return &is
}

// about reports whether anything was found about a key.
func (f *findings) about(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.byKey {
		if k.key == key {
			return true
		}
	}
	return false
}

func (f *findings) any() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byKey) > 0
}

// take gives all that was found so far and begins anew.
func (f *findings) take() (all []*Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, found := range f.byKey {
		all = append(all, found)
	}
	f.byKey = map[findingKey]*Finding{}
	return all
}

// fill sorts what was found into a report.
func (f *findings) fill(r *Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[Severity]int{}
	for s, n := range f.past {
		counts[s] += n
	}
	for _, found := range f.byKey {
		counts[found.Severity]++
		found.tidy()
		r.Findings = append(r.Findings, found)
	}
	slices.SortFunc(r.Findings, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	r.Damage, r.Warnings, r.Orphans = counts[Damage], counts[Warning], counts[Orphan]
}

// tidy sorts what is touched, and leaves out a repository as a whole where its files are named.
func (f *Finding) tidy() {
	named := map[string]bool{}
	for _, a := range f.Affects {
		if a.Path != "" || a.Revision != "" {
			named[a.RepoID] = true
		}
	}
	f.Affects = slices.DeleteFunc(f.Affects, func(a Affected) bool { return a.Path == "" && a.Revision == "" && named[a.RepoID] })
	slices.SortFunc(f.Affects, compareAffected)
}

func compareAffected(a, b Affected) int {
	return cmp.Or(cmp.Compare(a.Repo, b.Repo), cmp.Compare(a.RepoID, b.RepoID), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Revision, b.Revision))
}

// JSON is a finding in one line, without the newline.
func (f *Finding) JSON() []byte {
	b, _ := json.Marshal(f) // strings and numbers only
	return b
}
