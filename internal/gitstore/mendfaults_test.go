package gitstore_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// refusing does not give out one blob.
type refusing struct {
	blob.Store
	key string
	err error
}

func (r *refusing) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if key == r.key {
		return nil, r.err
	}
	return r.Store.Open(ctx, key, off, n)
}

// elsewhere commits a file to another repository, whose pack it returns.
func (f *fixture) elsewhere(text string) gitstore.PackInfo {
	f.t.Helper()
	first := f.id
	defer func() { f.id = first }()
	f.id = hub.NewID()
	f.init(f.id)
	f.commit(files{"other": text})
	return f.first()
}

func (f *fixture) lost() (n int) {
	f.t.Helper()
	f.ok(f.db.Get(f.ctx, &n, `SELECT COUNT(*) FROM git_lost`))
	return n
}

// TestUnreadableIsNotLost: while the pack that holds a damaged object's copy cannot be opened for a reason that will pass, nothing
// is given up.
func TestUnreadableIsNotLost(t *testing.T) {
	o := gitstore.Options{InlineMax: 1}
	for name, fault := range map[string]error{
		"no file descriptors": syscall.EMFILE,
		"no rights":           syscall.EACCES,
		"disk full":           errs.New(errs.StorageFull, "full"),
		"store away":          errs.New(errs.Unavailable, "away"),
	} {
		t.Run(name, func(t *testing.T) {
			f := benchFixture(t)
			f.fresh(o)
			big := static(f.id, 60_000)
			f.commit(files{"big": big})
			p := f.first()
			other := f.elsewhere(big)
			pack, _ := placesOf(p)
			f.flip(p, pack, 500)
			sound := f.blobs
			f.blobs = &refusing{sound, other.PackKey, fault}
			f.fresh(o)
			is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{GiveUp: true})
			if !errors.Is(err, fault) || is.GaveUp || f.lost() > 0 {
				t.Fatalf("%+v, %d lost: %v", is, f.lost(), err)
			}
			f.blobs = sound
			f.fresh(o)
			f.mend(p, gitstore.FromOthers, gitstore.MendOptions{GiveUp: true})
			if got, err := f.text("big"); err != nil || got != big || f.lost() > 0 {
				t.Errorf("read as %d bytes, %d lost: %v", len(got), f.lost(), err)
			}
		})
	}
}

// TestMendDamagedElsewhere: a copy in another pack that is damaged as well does not end the repair.
func TestMendDamagedElsewhere(t *testing.T) {
	o := gitstore.Options{InlineMax: 1}
	f := benchFixture(t)
	f.fresh(o)
	big := static(f.id, 60_000)
	f.commit(files{"big": big})
	p := f.first()
	pack, _ := placesOf(p)
	for _, q := range []gitstore.PackInfo{p, f.elsewhere(big)} {
		at, _ := placesOf(q)
		f.flip(q, at, 500)
	}
	f.fresh(o)
	if is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{}); err != nil || is.How != "" || len(is.Lost) != 1 {
		t.Fatalf("both damaged: %+v, %v", is, err)
	}
	f.elsewhere(big)
	f.mend(p, gitstore.FromOthers, gitstore.MendOptions{})
	if len(f.read(p, pack)) == 0 {
		t.Error("the damaged pack is deleted at once")
	}
}

// TestMendLargeObject: an object that is larger than what is held in memory is taken from another pack, and not given up.
func TestMendLargeObject(t *testing.T) {
	for _, inlineMax := range []int64{1 << 20, 1} {
		o := gitstore.Options{InlineMax: inlineMax}
		f := benchFixture(t)
		f.fresh(o)
		huge := strings.Repeat("0123456789abcdef", 65<<16)
		f.commit(files{"huge": huge})
		p := f.first()
		f.elsewhere(huge)
		pack, _ := placesOf(p)
		f.flip(p, pack, 2000)
		f.fresh(o)
		is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{GiveUp: true})
		if err != nil || is.How != gitstore.FromOthers || f.lost() > 0 {
			t.Fatalf("%+v, %d lost: %v", is, f.lost(), err)
		}
		f.fresh(o)
		if got, err := f.text("huge"); err != nil || got != huge {
			t.Errorf("read as %d bytes: %v", len(got), err)
		}
	}
}

// unlucky is a replica that has nothing. From then on no file can be opened.
type unlucky struct{ allow uint64 }

func (u unlucky) Open(context.Context, string, int64, int64) (io.ReadCloser, error) {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	lim.Cur = u.allow
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return nil, err
	}
	return nil, errs.New(errs.NotFound, "nothing is here")
}

// TestMendFailedWrite: a new pack that cannot be written ends the repair, and its objects are not called lost.
func TestMendFailedWrite(t *testing.T) {
	o := gitstore.Options{InlineMax: 1}
	f := benchFixture(t)
	f.fresh(o)
	fs := files{}
	for i := range 30 {
		fs[numbered(i)] = static(f.id+numbered(i), 100_000)
	}
	f.commit(fs)
	p := f.first()
	pack, _ := placesOf(p)
	f.flip(p, pack, 500)
	f.fresh(o)
	var lim syscall.Rlimit
	f.ok(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim))
	is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{Replicas: []gitstore.Replica{unlucky{3}}})
	f.ok(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim))
	if !errors.Is(err, syscall.EMFILE) || len(is.Lost) > 0 || f.lost() > 0 {
		t.Fatalf("%+v, %d lost: %v", is, f.lost(), err)
	}
	if is, err = f.s.MendPack(f.ctx, p, gitstore.MendOptions{}); err != nil || len(is.Lost) != 1 {
		t.Errorf("then: %d lost: %v", len(is.Lost), err)
	}
}

// TestCollectAfterLoss: a repository of which a file was given up is collected like others, and keeps all else.
func TestCollectAfterLoss(t *testing.T) {
	f := benchFixture(t)
	o := gitstore.Options{InlineMax: 1}
	f.fresh(o)
	own, kept := static(f.id+"own", 50_000), static(f.id+"kept", 50_000)
	f.commit(files{"own": own})
	p := f.first()
	base := f.commit(files{"kept": kept})
	pack, _ := placesOf(p)
	f.flip(p, pack, 500)
	f.fresh(o)
	if is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{GiveUp: true}); err != nil || len(is.Lost) != 1 {
		t.Fatalf("%+v %v", is, err)
	}
	f.commit(files{"away": static(f.id+"away", 50_000)})
	f.ok(f.move(gitstore.RefUpdate{Name: main, Old: f.tip(main), New: base}))
	if done := f.collect(soon()); done.Objects != 3 {
		t.Errorf("collected %+v, want a commit, a folder and a file", done)
	}
	f.fresh(o)
	if got, err := f.text("kept"); err != nil || got != kept {
		t.Errorf("what was kept is read as %d bytes: %v", len(got), err)
	}
	if _, err := f.text("own"); !errs.Is(err, errs.Gone) {
		t.Errorf("what was lost: %v", err)
	}
}

// TestNothingBehindALostCommitIsCollected: what only a lost object leads to stays, since that may come back.
func TestNothingBehindALostCommitIsCollected(t *testing.T) {
	f := benchFixture(t)
	old := static(f.id+"old", 50_000)
	f.commit(files{"old": old})
	lost := f.commit(files{"old": gone, "new": "new"})
	f.commit(files{"newer": "newer"})
	p := f.packs()[1]
	tip := f.tip(main)
	f.commit(files{"away": "away"})
	f.ok(f.move(gitstore.RefUpdate{Name: main, Old: f.tip(main), New: tip})) // something to collect
	f.ok(f.db.Tx(f.ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(f.ctx, `DELETE FROM git_pack WHERE repo_id = ? AND seq = ?`, f.id, p.Seq); err != nil {
			return err
		}
		_, err := tx.Exec(f.ctx, `INSERT INTO git_lost (repo_id, oid, lost_at) VALUES (?, ?, 1)`, f.id, lost.String())
		return err
	}))
	f.fresh(gitstore.Options{})
	before := len(f.packs())
	if done := f.collect(soon()); done.Objects != 0 || len(f.packs()) != before {
		t.Errorf("collected %+v", done)
	}
}
