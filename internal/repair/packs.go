package repair

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// packs mends packs: those that were found damaged, and all of repositories with objects that are missing or damaged.
func (j *job) packs(ctx context.Context, found []*fsck.Finding) error {
	done := map[string]Result{}
	for _, f := range found {
		if isKind(f, "pack.") {
			if err := j.pack(ctx, f, done); err != nil {
				return err
			}
		}
	}
	for _, f := range found {
		switch f.Kind {
		case fsck.ObjectMissing, fsck.ObjectCorrupt, fsck.RefMissing, fsck.RepoUnread:
			if err := j.objects(ctx, f, done); err != nil {
				return err
			}
		}
	}
	return nil
}

// pack mends all rows that name a damaged pack.
func (j *job) pack(ctx context.Context, f *fsck.Finding, done map[string]Result) error {
	rows, err := j.packRows(ctx, f.Key)
	if err != nil {
		return err
	}
	res := result(f, Sound, "")
	for _, p := range rows {
		if err := j.one(ctx, p, res, done); err != nil {
			return err
		}
	}
	j.tell(res)
	return nil
}

// packRows are the packs with a key, which is of a blob or of a row.
func (j *job) packRows(ctx context.Context, key string) ([]gitstore.PackInfo, error) {
	row, inRow := strings.CutPrefix(key, "git_pack ")
	if !inRow {
		return j.d.Git.PacksAt(ctx, key)
	}
	id, number, _ := strings.Cut(row, " ")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the finding %s names no pack: %w", key, err)
	}
	list, err := j.d.Git.Packs(ctx, id, seq-1, 1)
	if err != nil || len(list) == 0 || list[0].RepoID != id || list[0].Seq != seq {
		return nil, err
	}
	return list, nil
}

// one mends one pack and adds what became of it to a result.
func (j *job) one(ctx context.Context, p gitstore.PackInfo, res *Result, done map[string]Result) error {
	key := p.RepoID + "/" + strconv.FormatInt(p.Seq, 10)
	if was, again := done[key]; again {
		res.worse(was)
		return nil
	}
	is, err := j.d.Git.MendPack(ctx, p, gitstore.MendOptions{Replicas: asGit(j.o.Replicas), Nodes: j.o.Nodes, Dry: j.o.Dry, GiveUp: j.o.Tombstone})
	if errs.Is(err, errs.NotFound) { // folded or collected meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	now := became(&is)
	if now.Outcome == Lost {
		j.d.Log.Error("git objects are lost", "repository", p.RepoID, "objects", len(is.Lost))
	}
	done[key] = now
	res.worse(now)
	return nil
}

// became says what became of a pack.
func became(is *gitstore.MendedPack) Result {
	switch {
	case is.GaveUp:
		return Result{Outcome: Lost, Detail: fmt.Sprintf("%d objects that nobody has were given up, the others are there again; commit or push them from a copy", len(is.Lost))}
	case is.How == "" && is.Lost == nil:
		return Result{Outcome: Left, Detail: "neither the pack nor its catalog can be read, and no copy was found: name a replica with --from, or push the repository again"}
	case is.How == "":
		return Result{Outcome: Left, Detail: fmt.Sprintf("%d objects are nowhere else: name a replica with --from, push them from a copy, or give them up with --tombstone", len(is.Lost))}
	case is.How == gitstore.WasSound:
		return Result{Outcome: Sound}
	}
	return Result{Outcome: Repaired, How: string(is.How)}
}

// worse keeps the worst of several outcomes.
func (r *Result) worse(than Result) {
	rank := map[Outcome]int{Sound: 0, Repaired: 1, Lost: 2, Left: 3}
	if rank[than.Outcome] >= rank[r.Outcome] {
		r.Outcome, r.How, r.Detail = than.Outcome, than.How, than.Detail
	}
}

// objects mends all packs of the repositories in which an object is missing or damaged.
func (j *job) objects(ctx context.Context, f *fsck.Finding, done map[string]Result) error {
	res := result(f, Sound, "")
	looked := map[string]bool{}
	for _, a := range f.Affects {
		if looked[a.RepoID] {
			continue
		}
		looked[a.RepoID] = true
		for seq := int64(-1); ; {
			list, err := j.d.Git.Packs(ctx, a.RepoID, seq, page)
			if err != nil {
				return err
			}
			for _, p := range list {
				if p.RepoID != a.RepoID {
					break
				}
				if err := j.one(ctx, p, res, done); err != nil {
					return err
				}
				seq = p.Seq
			}
			if len(list) < page || list[len(list)-1].RepoID != a.RepoID {
				break
			}
		}
	}
	if res.Outcome == Sound { // every pack is whole: the object is in none
		res.Outcome, res.Detail = Left, f.Kind.Advice()
	}
	j.tell(res)
	return nil
}
