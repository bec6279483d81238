package gitstore_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
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
	is, err := f.s.MendPack(f.ctx, p, gitstore.MendOptions{GiveUp: true, Replicas: []gitstore.Replica{unlucky{3}}})
	f.ok(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim))
	if !errors.Is(err, syscall.EMFILE) || len(is.Lost) > 0 || f.lost() > 0 {
		t.Fatalf("%+v, %d lost: %v", is, f.lost(), err)
	}
	if is, err = f.s.MendPack(f.ctx, p, gitstore.MendOptions{}); err != nil || len(is.Lost) != 1 {
		t.Errorf("then: %d lost: %v", len(is.Lost), err)
	}
}
