package repair

import (
	"context"
	"fmt"
	"path"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// openXorb is a xorb that its own remains and replicas have not made whole.
type openXorb struct {
	f     *fsck.Finding
	hash  xet.Hash
	is    xetstore.Mended
	known bool // it was marked before this run
}

// searchAtOnce is how many damaged xorbs one look through all others is for: their chunks are held in memory.
const searchAtOnce = 64

func (j *job) xorbs(ctx context.Context, found []*fsck.Finding) error {
	seen := map[xet.Hash]bool{}
	var open []openXorb
	take := func(f *fsck.Finding, h xet.Hash, known bool) error {
		if seen[h] {
			return nil
		}
		seen[h] = true
		is, err := j.xorb(ctx, f, h)
		if err != nil || is == nil {
			return err
		}
		if open = append(open, openXorb{f, h, *is, known}); len(open) < searchAtOnce {
			return nil
		}
		err = j.search(ctx, open)
		open = nil
		return err
	}
	for _, f := range found {
		if !isKind(f, "xorb.") {
			continue
		}
		h, err := xet.ParseHash(path.Base(f.Key))
		if err != nil {
			return fmt.Errorf("the finding %s names no xorb: %w", f.Key, err)
		}
		if err := take(f, h, false); err != nil {
			return err
		}
	}
	if j.o.Marked {
		if err := j.marked(ctx, take); err != nil {
			return err
		}
	}
	return j.search(ctx, open)
}

const page = 500

// marked takes the xorbs that are known to be damaged though nobody has found them today.
func (j *job) marked(ctx context.Context, take func(*fsck.Finding, xet.Hash, bool) error) error {
	for after := []byte(nil); ; {
		list, err := j.d.Xet.DamagedXorbs(ctx, after, page)
		if err != nil {
			return err
		}
		for _, x := range list {
			f := &fsck.Finding{Kind: "xorb.corrupt", Severity: fsck.Damage, Key: (&xetstore.XorbInfo{Hash: x.Hash}).Key()}
			if x.Lost {
				f.Kind, f.Severity = fsck.XorbLost, fsck.Warning
			}
			if err := take(f, x.Hash, true); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].Hash[:]
	}
}

// xorb tries what is left of a xorb and the replicas. It returns what is left to do; nil: nothing.
func (j *job) xorb(ctx context.Context, f *fsck.Finding, h xet.Hash) (*xetstore.Mended, error) {
	if f.Kind == fsck.XorbNoRow {
		for _, a := range f.Affects {
			j.repos[a.RepoID] = true
		}
		how, err := j.mend.Adopt(ctx, h)
		if err == nil {
			j.tell(result(f, ended(string(how)), string(how)))
		}
		return nil, err
	}
	is, err := j.mend.Xorb(ctx, h)
	switch {
	case errs.Is(err, errs.NotFound): // collected meanwhile
		j.tell(result(f, Sound, ""))
		return nil, nil
	case err != nil:
		return nil, err
	case is.How == xetstore.WasSound && f.Kind == fsck.XorbRow:
		j.tell(result(f, Repaired, string(xetstore.FromItself)))
	case is.How != "":
		j.tell(result(f, ended(string(is.How)), string(is.How)))
	default:
		return &is, nil
	}
	return nil, nil
}

// search looks in all other xorbs for what is missing, then salvages what can be and gives up the rest, if it may.
func (j *job) search(ctx context.Context, open []openXorb) error {
	if len(open) == 0 {
		return nil
	}
	found, err := j.mend.Search(ctx)
	if err != nil {
		return err
	}
	defer j.mend.Forget()
	for i := range open {
		x := &open[i]
		if found {
			is, err := j.xorb(ctx, x.f, x.hash)
			if err != nil {
				return err
			}
			if is == nil {
				continue
			}
			x.is = *is
		}
		if err := j.salvage(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// condemn marks a xorb that is still damaged, before anything else is done about it: what is not marked is offered to
// uploads, and these would build on bytes that are not there. It is false if it became whole or was collected meanwhile.
func (j *job) condemn(ctx context.Context, h xet.Hash) (bool, error) {
	row, found, err := j.d.Xet.Xorb(ctx, h)
	if err != nil || !found || row.Damaged || j.o.Dry {
		return found, err
	}
	if err := j.d.Xet.NoteDamage(ctx, h); err != nil {
		return false, err
	}
	row, found, err = j.d.Xet.Xorb(ctx, h)
	return found && row.Damaged, err
}

func (j *job) salvage(ctx context.Context, x *openXorb) error {
	open, err := j.condemn(ctx, x.hash)
	if err != nil {
		return err
	}
	if !open {
		j.tell(result(x.f, Sound, ""))
		return nil
	}
	moved, lost, err := j.mend.Salvage(ctx, x.hash, x.is)
	if err != nil {
		return err
	}
	res := result(x.f, Left, "")
	switch {
	case len(lost) == 0 && len(moved) == 0 && x.known:
		res.Outcome = Unneeded
		res.Detail = "no file is made of it: the collector takes it when it is old enough, and an upload of its bytes repairs it"
	case len(lost) == 0:
		res.Outcome, res.How = Repaired, "moved"
		res.Detail = fmt.Sprintf("no file needs what is missing; %d files were moved to a new xorb", len(moved))
	case x.f.Kind == fsck.XorbLost:
		res.Outcome = Given
		res.Detail = fmt.Sprintf("%d files lack bytes that were given up before; an upload of any of them repairs it", len(lost))
	case j.o.Tombstone:
		res.Outcome = Lost
		res.Detail = fmt.Sprintf("%d files lack bytes that nobody has; an upload of any of them repairs it", len(lost))
		if !j.o.Dry {
			if _, err := j.d.Xet.Tombstone(ctx, x.hash); err != nil {
				return err
			}
		}
	default:
		res.Detail = fmt.Sprintf("%d files lack bytes: upload them again from any copy, name a replica with --from, or give them up with --tombstone", len(lost))
	}
	if len(moved) > 0 || len(res.Affects) == 0 {
		if res.Affects, res.More, err = j.affected(ctx, lost); err != nil {
			return err
		}
	}
	if res.Outcome == Lost {
		j.d.Log.Error("bytes of files are lost", "xorb", x.hash, "files", len(lost))
	}
	j.tell(res)
	return nil
}
