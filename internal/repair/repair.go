package repair

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Replica is where copies of objects may be, under the same keys.
type Replica interface {
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key string) (blob.Info, error)
}

// Deps are what is repaired.
type Deps struct {
	DB       *db.DB
	Git      *gitstore.Store
	Xet      *xetstore.Store
	Profiles *profile.Service
	Quota    *quota.Service
	// NameOf names a repository by its id.
	NameOf func(ctx context.Context, repoID string) (fsck.Affected, error)
	Log    *slog.Logger
}

// Options say what a run may do.
type Options struct {
	Replicas  []Replica
	Nodes     []string // cache folders of git packs that processes of this machine keep
	Dry       bool     // change nothing, and say what would be done
	Tombstone bool     // give up what nobody has
	Marked    bool     // also repair xorbs that readers or a scrub have marked, though no finding is given
}

// Outcome is what became of a finding.
type Outcome string

// The outcomes. Their words are printed and must not change.
const (
	Repaired Outcome = "repaired"
	Sound    Outcome = "sound"    // it was whole when it was looked at again
	Lost     Outcome = "lost"     // given up: readers are told so
	Given    Outcome = "given"    // it had been given up before, and nobody has it still
	Left     Outcome = "left"     // still damaged
	Unneeded Outcome = "unneeded" // damaged, known to be, and no file is made of it
)

// Result is what was done about one finding.
type Result struct {
	Kind    fsck.Kind       `json:"kind"`
	Key     string          `json:"key"`
	Outcome Outcome         `json:"outcome"`
	How     string          `json:"how,omitempty"`     // rebuilt, replica, node, elsewhere, moved, recounted
	Detail  string          `json:"detail,omitempty"`  // for people
	Affects []fsck.Affected `json:"affects,omitempty"` // what stays lost, or was concerned
	More    int             `json:"more,omitempty"`
}

// Report counts results.
type Report struct {
	Repaired int `json:"repaired"`
	Sound    int `json:"sound"`
	Lost     int `json:"lost"`
	Given    int `json:"given"`
	Left     int `json:"left"`
	Unneeded int `json:"unneeded"`
}

// Run repairs what was found, and tells what became of each finding. An error ends it: it says nothing about the
// bytes, and a later run goes on.
func Run(ctx context.Context, d Deps, o Options, found []*fsck.Finding, tell func(*Result)) (r Report, err error) {
	j := &job{d: d, o: o, told: func(res *Result) { r.count(res); tell(res) }, repos: map[string]bool{}}
	j.mend = d.Xet.NewMend(asXet(o.Replicas), o.Dry)
	for _, step := range []func(context.Context, []*fsck.Finding) error{j.xorbs, j.packs, j.pictures, j.rows} {
		err := step(ctx, found)
		if err == nil {
			err = j.endFindings(ctx)
		}
		if err != nil {
			return r, errs.Wrap("repair.Run", err)
		}
	}
	return r, nil
}

func (r *Report) count(res *Result) {
	switch res.Outcome {
	case Repaired:
		r.Repaired++
	case Sound:
		r.Sound++
	case Lost:
		r.Lost++
	case Given:
		r.Given++
	case Left:
		r.Left++
	case Unneeded:
		r.Unneeded++
	}
}

// job is one run.
type job struct {
	d     Deps
	o     Options
	mend  *xetstore.Mend
	told  func(*Result)
	over  []*Result       // told since the last step, and nothing is open about it any more
	repos map[string]bool // whose rights are looked at again
}

// tell tells what became of a finding.
func (j *job) tell(res *Result) {
	if how := res.Outcome.ends(); how != "" && !j.o.Dry {
		j.over = append(j.over, res)
	}
	j.told(res)
}

// ends is how an outcome ends what the hub keeps as open about the object; empty: it does not.
func (o Outcome) ends() fsck.Ended {
	switch o {
	case Repaired:
		return fsck.EndedRepaired
	case Sound:
		return fsck.EndedSound
	case Lost, Given:
		return fsck.EndedLost
	}
	return ""
}

// endFindings ends what a step has done away with, when all of the step is done.
func (j *job) endFindings(ctx context.Context) error {
	for _, res := range j.over {
		if err := fsck.End(ctx, j.d.DB, res.Key, res.Outcome.ends(), j.d.DB.Now()); err != nil {
			return err
		}
	}
	j.over = nil
	return nil
}

func asXet(list []Replica) []xetstore.Replica {
	out := make([]xetstore.Replica, len(list))
	for i, r := range list {
		out[i] = r
	}
	return out
}

func asGit(list []Replica) []gitstore.Replica {
	out := make([]gitstore.Replica, len(list))
	for i, r := range list {
		out[i] = r
	}
	return out
}

func asPictures(list []Replica) []profile.Replica {
	out := make([]profile.Replica, len(list))
	for i, r := range list {
		out[i] = r
	}
	return out
}

// result starts the answer to a finding.
func result(f *fsck.Finding, outcome Outcome, how string) *Result {
	return &Result{Kind: f.Kind, Key: f.Key, Outcome: outcome, How: how, Affects: f.Affects, More: f.More}
}

// ended is the outcome of a repair whose store says how; empty: it could not.
func ended(how string) Outcome {
	switch how {
	case "":
		return Left
	case "sound":
		return Sound
	}
	return Repaired
}

func isKind(f *fsck.Finding, prefix string) bool { return strings.HasPrefix(string(f.Kind), prefix) }

// pictures puts pictures back.
func (j *job) pictures(ctx context.Context, found []*fsck.Finding) error {
	for _, f := range found {
		if !isKind(f, "picture.") {
			continue
		}
		how, err := j.d.Profiles.MendPicture(ctx, f.Key, asPictures(j.o.Replicas), j.o.Dry)
		if err != nil {
			return err
		}
		res := result(f, ended(how), how)
		if how == "" {
			res.Detail = "no copy of it is left: its owner may choose a picture again"
		}
		j.tell(res)
	}
	return nil
}

// rows makes derived rows anew.
func (j *job) rows(ctx context.Context, found []*fsck.Finding) error {
	storage := false
	for _, f := range found {
		switch f.Kind {
		case fsck.FileRights:
			for _, a := range f.Affects {
				j.repos[a.RepoID] = true
			}
			j.tell(result(f, Repaired, "rebuilt"))
		case fsck.StorageRow:
			storage = true
			j.tell(result(f, Repaired, "recounted"))
		case fsck.FileTerms, fsck.FileSHA256, fsck.PointerLost, fsck.PointerSize, fsck.HeadRow, fsck.DBDamage, fsck.DBDangling:
			res := result(f, Left, "")
			res.Detail = f.Kind.Advice()
			j.tell(res)
		}
	}
	for id := range j.repos {
		if _, _, err := j.mend.MendRights(ctx, id); err != nil {
			return err
		}
	}
	if storage && !j.o.Dry {
		_, err := j.d.Quota.Recount(ctx)
		return err
	}
	return nil
}

// affected are the places of files in words.
func (j *job) affected(ctx context.Context, files []xetstore.Affected) (out []fsck.Affected, more int, err error) {
	names := map[string]fsck.Affected{}
	for _, f := range files {
		if len(out) == maxAffected {
			return out, len(files) - len(out), nil
		}
		at, known := names[f.RepoID]
		if !known {
			if at, err = j.d.NameOf(ctx, f.RepoID); err != nil {
				return nil, 0, err
			}
			names[f.RepoID] = at
		}
		if at.Path = f.Path; at.Path == "" {
			at.Path = fmt.Sprintf("(not committed) %s", f.SHA256)
		}
		at.Revision = strings.TrimPrefix(strings.TrimPrefix(f.Ref, "refs/heads/"), "refs/tags/")
		out = append(out, at)
	}
	return out, 0, nil
}

const maxAffected = 100
