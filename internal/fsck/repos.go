package fsck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"syscall"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// maxRights is the number of xorbs up to which a repository's rights are compared with what its files are made of: half a
// gigabyte of memory, and a repository of 250 TB.
const maxRights = 4 << 20

// allRepos looks at each repository for itself, at deleted ones that may be brought back as at all others: that is no use when
// their bytes have rotten.
func (c *Checker) allRepos(ctx context.Context) error {
	list := c.repoRows
	if c.o.Repo != nil {
		list = func(_ context.Context, out func(repo.Head) error) error { return out(*c.o.Repo) }
	}
	return each(ctx, c.o.Workers, list, c.repo)
}

func (c *Checker) repoRows(ctx context.Context, out func(repo.Head) error) error {
	for after := ""; ; {
		rows, err := c.d.Repos.Heads(ctx, after, page)
		if err != nil {
			return err
		}
		for _, h := range rows {
			if err := out(h); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[page-1].ID
	}
}

// repo looks at one, and at once more if something is wrong: commits, deletions and collections go on meanwhile. What two
// looks find is wrong.
func (c *Checker) repo(ctx context.Context, h repo.Head) error {
	first, err := c.look(ctx, h)
	if err != nil {
		return err
	}
	c.repos.Add(1)
	c.files.Add(first.files)
	c.objectCount.Add(first.seen)
	if len(first.wrong) > 0 {
		now, err := c.d.Repos.HeadOf(ctx, c.d.DB, h.ID)
		if err != nil || now == nil {
			return err // it is gone for good
		}
		second, err := c.look(ctx, *now)
		if err != nil {
			return err
		}
		for k, f := range first.wrong {
			if _, again := second.wrong[k]; again {
				c.found.add(f.Kind, f.Key, f.Detail, f.Affects...)
			}
		}
	}
	return nil
}

// repoLook is one look at one repository.
type repoLook struct {
	c     *Checker
	h     repo.Head
	wrong map[findingKey]*Finding
	files int64
	seen  int64 // git objects

	bad      map[hub.SHA256][]*Finding // damaged files, by the SHA-256, or else the Xet hash, that pointers name
	objects  map[hub.OID]*Finding      // damaged objects of git
	broken   *Finding                  // some of git's objects cannot be told
	blind    error                     // why an object could not be read, when that says nothing about it
	pointers []pointerAt
}

type pointerAt struct {
	p  git.Pointer
	at gitstore.Spot
}

func (c *Checker) look(ctx context.Context, h repo.Head) (*repoLook, error) {
	l := &repoLook{c: c, h: h, wrong: map[findingKey]*Finding{}, bad: map[hub.SHA256][]*Finding{}}
	l.objects, l.broken = c.badObjects(h.ID)
	for _, step := range []func(context.Context) error{l.large, l.reach, l.head} {
		err := step(ctx)
		if errs.Is(err, errs.NotFound) {
			return l, nil // it was deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *repoLook) add(kind Kind, key, text string, affects ...Affected) {
	k := findingKey{kind, key}
	f := l.wrong[k]
	if f == nil {
		if len(l.wrong) >= maxFindings {
			return
		}
		f = &Finding{Kind: kind, Key: key, Detail: text}
		l.wrong[k] = f
	}
	for _, a := range affects {
		f.touch(a)
	}
}

// name is the repository as something that a finding touches.
func (l *repoLook) name() Affected { return named(&l.h) }

func (l *repoLook) at(s gitstore.Spot) Affected {
	a := l.name()
	a.Path, a.Revision = s.Path, s.Revision()
	return a
}

// large looks at the large files: what they are made of, and that the repository has a right to that.
func (l *repoLook) large(ctx context.Context) error {
	made := map[xet.Hash]bool{}
	for after := []byte(nil); ; {
		files, err := l.c.d.Xet.Files(ctx, l.h.ID, after, page)
		if err != nil {
			return err
		}
		for i := range files {
			if err := l.file(ctx, &files[i], made); err != nil {
				return err
			}
		}
		if len(files) < page {
			break
		}
		after = files[page-1].Hash[:]
	}
	if len(made) > maxRights {
		return nil
	}
	var more []xet.Hash
	err := l.c.d.Xet.Rights(ctx, l.h.ID, func(h xet.Hash) {
		if !made[h] {
			more = append(more, h)
		}
		delete(made, h)
	})
	for h := range made {
		l.add(FileRights, "xet_repo_xorb "+l.h.ID+" "+h.String(), "the repository has files made of a xorb and no right to it", l.name())
	}
	if len(more) == 0 || err != nil {
		return err
	}
	// Asked for last: who gives files up says so in the transaction that takes them away.
	if loose, err := l.c.d.Xet.IsLoose(ctx, l.h.ID); err != nil || loose {
		return err
	}
	for _, h := range more {
		l.add(FileRights, "xet_repo_xorb "+l.h.ID+" "+h.String(), "the repository has a right to a xorb and no file made of it", l.name())
	}
	return nil
}

func (l *repoLook) file(ctx context.Context, f *xetstore.Made, made map[xet.Hash]bool) error {
	l.files++
	c, err := l.c.d.Xet.CheckTerms(ctx, f)
	if err != nil {
		return err
	}
	key := "xet_repo_file " + l.h.ID + " " + f.Hash.String()
	for _, h := range c.Xorbs {
		if len(made) <= maxRights {
			made[h] = true
		}
		if found := l.c.xorbFinding(h); found != nil {
			l.damaged(f, found)
		}
	}
	for _, h := range c.Damaged {
		if l.c.xorbFinding(h) == nil { // not looked at before, or rotten since
			l.add(ofObject(kindXorb, blob.Corrupt), (&xetstore.XorbInfo{Hash: h}).Key(), "its index cannot be read", l.name())
		}
	}
	for _, h := range c.NoRow {
		l.add(XorbNoRow, (&xetstore.XorbInfo{Hash: h}).Key(), "files are made of a xorb that has no row", l.name())
	}
	if c.Err != nil {
		l.add(FileTerms, key, c.Err.Error(), l.name())
	}
	if l.c.o.SHA256 && c.Err == nil && len(c.Damaged)+len(c.NoRow) == 0 {
		return l.sum(ctx, f, key)
	}
	return nil
}

// sum puts a file together and compares its SHA-256. Damaged bytes are other findings.
func (l *repoLook) sum(ctx context.Context, f *xetstore.Made, key string) error {
	if f.SHA256 == (hub.SHA256{}) {
		return nil
	}
	sum, err := l.c.d.Xet.Sum(ctx, f.File)
	l.c.bytes.Add(f.Size)
	switch {
	case ctx.Err() != nil || errs.Is(err, errs.Unavailable):
		return err
	case err == nil && sum != f.SHA256:
		l.add(FileSHA256, key, "the bytes hash to "+sum.String()+", recorded is "+f.SHA256.String(), l.name())
	}
	return nil
}

// damaged notes a file that is made of what is damaged, so that the walk can tell where it is named.
func (l *repoLook) damaged(f *xetstore.Made, found *Finding) {
	for _, id := range []hub.SHA256{f.SHA256, f.Hash.SHA256()} {
		if id != (hub.SHA256{}) && !slices.Contains(l.bad[id], found) {
			l.bad[id] = append(l.bad[id], found)
		}
	}
	l.c.found.touch(found, l.name()) // until a revision is found that names the file
}

// reach walks what the refs reach.
func (l *repoLook) reach(ctx context.Context) error {
	err := l.c.d.Git.CheckReach(ctx, l.h.ID, gitstore.Check{
		Blob: func(oid hub.OID, at gitstore.Spot, p *git.Pointer) error {
			l.seen++
			if found := l.objects[oid]; found != nil {
				l.c.found.touch(found, l.at(at))
			}
			if p == nil {
				return nil
			}
			for _, found := range l.bad[p.SHA256] {
				l.c.found.touch(found, l.at(at))
			}
			if l.pointers = append(l.pointers, pointerAt{*p, at}); len(l.pointers) < page {
				return nil
			}
			return l.known(ctx)
		},
		Problem: l.problem,
	})
	if err == nil && l.blind != nil {
		return l.blame(ctx)
	}
	if err == nil {
		return l.known(ctx)
	}
	if ctx.Err() != nil || errs.Is(err, errs.Unavailable) || errs.Is(err, errs.NotFound) {
		return err
	}
	if tellsNothing(err) && l.broken == nil {
		l.blind = err
		return l.blame(ctx)
	}
	if l.broken == nil { // else the pack that is to blame is found already
		l.add(RepoUnread, "git_repo "+l.h.ID, err.Error(), l.name())
	}
	return nil
}

// tellsNothing reports whether an error is of the machine and not of what was read: a full disk, a failing one, a
// connection, a process that ran out of files.
func tellsNothing(err error) bool {
	var call syscall.Errno
	var network net.Error
	return errors.As(err, &call) || errors.As(err, &network) || errs.Is(err, errs.StorageFull)
}

// blame finds out whether a read that failed in the machine failed on what is stored: then the pack is damaged. Else the
// node's own disk is to blame, and nothing can be said about the repository.
func (l *repoLook) blame(ctx context.Context) error {
	for seq := int64(-1); ; {
		packs, err := l.c.d.Git.Packs(ctx, l.h.ID, seq, page)
		if err != nil {
			return err
		}
		for _, p := range packs {
			if p.RepoID != l.h.ID {
				return l.blind
			}
			s, ok, fatal := state(l.c.d.Git.VerifyPack(ctx, p, blob.Data))
			if fatal != nil {
				return fatal
			}
			if !ok {
				l.add(ofObject(kindPack, s), p.Key(), l.blind.Error(), l.name())
				return nil
			}
			seq = p.Seq
		}
		if len(packs) < page {
			return l.blind
		}
	}
}

func (l *repoLook) problem(oid hub.OID, at gitstore.Spot, err error) {
	if found := l.objects[oid]; found != nil {
		l.c.found.touch(found, l.at(at))
		return
	}
	if tellsNothing(err) {
		if l.broken == nil && l.blind == nil { // else the pack that is to blame is found already
			l.blind = err
		}
		return
	}
	kind := ObjectCorrupt
	switch {
	case errs.Is(err, errs.Gone):
		kind = ObjectLost
	case errs.Is(err, errs.NotFound) && at.Commit.IsZero():
		kind = RefMissing
	case errs.Is(err, errs.NotFound):
		kind = ObjectMissing
	}
	if kind == RefMissing {
		l.add(kind, "git_ref "+l.h.ID+" "+at.Ref, "it names "+oid.String()+", which is not there", l.at(at))
		return
	}
	l.add(kind, "git object "+l.h.ID+" "+oid.String(), err.Error(), l.at(at))
}

// known sees that the large files that were met are there, or were deleted for good.
func (l *repoLook) known(ctx context.Context) error {
	met := l.pointers
	l.pointers = nil
	if len(met) == 0 {
		return nil
	}
	first := make(map[hub.SHA256]pointerAt, len(met))
	for _, m := range met {
		if _, ok := first[m.p.SHA256]; !ok {
			first[m.p.SHA256] = m
		}
	}
	files, unknown, err := l.c.d.Xet.Known(ctx, nil, l.h.ID, slices.Collect(maps.Keys(first)))
	if err != nil {
		return err
	}
	for _, id := range unknown {
		l.add(PointerLost, "pointer "+l.h.ID+" "+id.String(), "a revision names a large file that the repository does not have", l.at(first[id].at))
	}
	for _, f := range files {
		m, ok := first[f.SHA256]
		if !ok {
			m, ok = first[f.Hash.SHA256()]
		}
		if ok && m.p.Size != f.Size {
			l.add(PointerSize, "pointer "+l.h.ID+" "+m.p.SHA256.String(), fmt.Sprintf("a revision says %d bytes, the file has %d", m.p.Size, f.Size), l.at(m.at))
		}
	}
	return nil
}

// head compares what the repository's row says of its default branch with the branch, both read in one transaction. A deleted
// one has no such row.
func (l *repoLook) head(ctx context.Context) error {
	return l.c.d.DB.Tx(ctx, func(tx *db.Tx) error {
		h, err := l.c.d.Repos.HeadOf(ctx, tx, l.h.ID)
		if err != nil || h == nil || h.Deleted {
			return err
		}
		oid, found, err := l.c.d.Git.Ref(ctx, tx, h.ID, "refs/heads/"+h.DefaultBranch)
		if err != nil {
			return err
		}
		want := ""
		if found {
			want = oid.String()
		}
		if h.Head != want {
			l.add(HeadRow, "repo "+h.ID, fmt.Sprintf("the row says that %s is at %q, the branch is at %q", h.DefaultBranch, h.Head, want), l.name())
		}
		return nil
	})
}
