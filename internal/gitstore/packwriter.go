package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// PackWriter collects the objects of one commit. Objects that the repository is known to have are passed over. It is
// not safe for concurrent use; end it with Finish or Abort.
type PackWriter struct {
	s      *Store
	repoID string
	st     *state // nil: nothing is known
	spool  *git.Spool
	w      *git.PackWriter
	trees  map[hub.OID]*git.Tree // written here, so that EditTree can build on its own result
	buf    bytes.Buffer
	err    error // the first failure; the pack cannot be finished
	since  int64 // the oldest collect_epoch of what was looked at
}

// streamFrom is the size from which a blob is not held in memory.
const streamFrom = 256 << 10

// NewPack starts a pack for a repository.
func (s *Store) NewPack(_ context.Context, repoID string) *PackWriter {
	w := &PackWriter{s: s, repoID: repoID, trees: map[hub.OID]*git.Tree{}}
	w.since = unknownEpoch
	if st, ok := s.states.Get(repoID); ok {
		w.st, w.since = st, st.collects
	}
	dir, err := s.spoolDir()
	w.err = err
	w.spool = git.NewSpool(dir, int(max(s.o.InlineMax, 1<<20)))
	w.w = git.NewPackWriter(w.spool)
	return w
}

func (s *Store) spoolDir() (string, error) {
	dir, err := s.makeDir()
	return dir, errs.Wrap("gitstore.NewPack", err)
}

// builtOn says that the pack leaves out what a view has.
func (w *PackWriter) builtOn(r *Repo) { w.since = min(w.since, r.since) }

func (w *PackWriter) has(oid hub.OID) bool { return w.st != nil && w.st.has(oid) }

// AddBlob adds a file of exactly size bytes, streaming what is large. Other lengths: errs.Invalid.
func (w *PackWriter) AddBlob(ctx context.Context, size int64, r io.Reader) (hub.OID, error) {
	if w.err != nil {
		return hub.OID{}, w.err
	}
	if err := ctx.Err(); err != nil {
		return hub.OID{}, err
	}
	if size >= streamFrom {
		oid, err := w.w.AddStream(git.KindBlob, size, r, w.has)
		return oid, w.fail(err)
	}
	w.buf.Reset()
	n, err := w.buf.ReadFrom(io.LimitReader(r, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("%w: content is not the %d bytes that were stated", git.ErrMalformed, size)
	}
	if err != nil {
		return hub.OID{}, w.fail(err)
	}
	return w.AddBytes(git.KindBlob, w.buf.Bytes())
}

// AddBytes adds an object.
func (w *PackWriter) AddBytes(kind git.Kind, data []byte) (hub.OID, error) {
	if w.err != nil {
		return hub.OID{}, w.err
	}
	oid := git.Hash(kind, data)
	if w.has(oid) {
		return oid, nil
	}
	return oid, w.fail(w.w.Add(kind, oid, data))
}

// fail keeps the first failure; content of another length than stated is the caller's fault and dooms nothing.
func (w *PackWriter) fail(err error) error {
	if err == nil {
		return nil
	}
	if bad := wrapGit(err); errs.Is(bad, errs.Unprocessable) {
		return &errs.Error{Kind: errs.Invalid, Msg: "The content's length differs from the stated size", Op: "gitstore.AddBlob", Err: err}
	}
	w.err = errs.Wrap("gitstore.PackWriter", err)
	return w.err
}

// Len is the number of objects so far.
func (w *PackWriter) Len() int { return w.w.Len() }

// Finish makes the pack's bytes ready for AddPack: with the row when small, in the blob store otherwise.
func (w *PackWriter) Finish(ctx context.Context) (*Pack, error) {
	defer w.Abort()
	if w.err != nil {
		return nil, w.err
	}
	if w.w.Len() == 0 {
		return &Pack{}, nil
	}
	p, err := w.s.storePack(ctx, w.repoID, w.w.Len(), w.w.Size(), w.w.Finish)
	if err == nil {
		p.since = w.since
	}
	return p, err
}

// Abort frees what the writer holds. It does no harm after Finish.
func (w *PackWriter) Abort() {
	_ = w.spool.Close()
	if w.err == nil {
		w.err = errs.New(errs.Internal, "the pack is finished")
	}
}
