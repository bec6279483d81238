package xetstore

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// Expect is what a caller was told of bytes that are to come.
type Expect struct {
	SHA256 *hub.SHA256 // nil: unknown
	Size   int64       // negative: unknown
	Limit  int64       // most bytes to take when Size is unknown; 0: no bound
}

// Ingest cuts plain bytes into chunks, stores them and gives the scope's repository the file, in one pass and in less than
// 32 MiB. It waits for a turn as uploads of xorbs do, but not as long. Bytes that are not what want says are errs.Invalid and
// leave no row behind.
func (s *Store) Ingest(ctx context.Context, sc Scope, r io.Reader, want Expect) (File, error) {
	if err := sc.checkSender(); err != nil {
		return File{}, err
	}
	leave, err := s.enterUpload(ctx, sc.UserID, min(s.wait, plainTurnWait))
	if err != nil {
		return File{}, err
	}
	defer leave()
	f, err := s.ingest(ctx, sc, r, want)
	return f, errs.Wrap("xetstore.Ingest", err)
}

func (s *Store) ingest(ctx context.Context, sc Scope, r io.Reader, want Expect) (File, error) {
	in := newIngest(ctx, s, sc)
	defer in.abort()
	sha := sha256.New()
	if err := in.read(bounded(r, want), sha); err != nil {
		return File{}, err
	}
	sum := hub.SHA256(sha.Sum(nil))
	if err := want.check(in.size, sum); err != nil {
		return File{}, err
	}
	if err := in.finishXorb(); err != nil {
		return File{}, err
	}
	f := File{RepoID: sc.RepoID, Hash: in.tree.FileHash(), Size: in.size, SHA256: sum}
	reg := in.registration(f)
	return f, s.record(ctx, sc.RepoID, reg, nil)
}

func (e Expect) check(size int64, sum hub.SHA256) error {
	switch {
	case e.Size >= 0 && size != e.Size:
		return errs.New(errs.Invalid, "The content has %d bytes instead of the stated %d", size, e.Size)
	case e.SHA256 != nil && *e.SHA256 != sum:
		return errs.New(errs.Invalid, "The content does not have the stated SHA-256")
	}
	return nil
}

// bounded ends a reader with an error as soon as it gives more than it may.
func bounded(r io.Reader, e Expect) io.Reader {
	switch {
	case e.Size >= 0:
		return &boundedReader{r, e.Size, errs.New(errs.Invalid, "The content has more than the stated %d bytes", e.Size)}
	case e.Limit > 0:
		return &boundedReader{r, e.Limit, errs.New(errs.TooLarge, "The content has more than the %d bytes that are allowed", e.Limit)}
	}
	return r
}

type boundedReader struct {
	r    io.Reader
	left int64
	over error
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		return 0, b.over
	}
	b.left -= int64(n)
	return n, err
}

// ingest is one file on its way in.
type ingest struct {
	ctx   context.Context
	store *Store
	scope Scope
	since int64 // when it began, in microseconds

	tree  xet.Merkle
	size  int64
	first xet.Hash // chunk

	known  *chunkMap
	asked  int        // questions that may still be asked about chunks that are not known
	xorbs  []xet.Hash // those that terms refer to by number; the one being written is zero
	number map[xet.Hash]int32
	terms  []ingestTerm

	cur    *xorbUpload
	rows   []xorbRow
	had    []xet.Hash // made once more, though they were stored
	chunks []chunkRow
}

// ingestTerm is a segment whose xorb may not have its hash yet.
type ingestTerm struct {
	xorb       int32
	raw        uint32
	start, end uint32
}

func newIngest(ctx context.Context, s *Store, sc Scope) *ingest {
	return &ingest{ctx: ctx, store: s, scope: sc, since: s.micros(), known: newChunkMap(), number: map[xet.Hash]int32{}, asked: askAfterLoss}
}

// add takes a chunk as the file's next, and its buffer over.
func (in *ingest) add(b *chunkBuffer, h xet.Hash) error {
	n := b.n
	if in.size == 0 {
		in.first = h
	}
	in.size += int64(n)
	in.tree.Add(xet.Leaf{Hash: h, Size: uint64(n)})
	at, ok, err := in.find(h)
	if err != nil || ok {
		b.release()
	}
	if err != nil {
		return err
	}
	if !ok {
		if at, err = in.keep(b, h); err != nil {
			return err
		}
		in.known.add(h, at)
	}
	in.term(at, n)
	return nil
}

// askAfterLoss is how many chunks in a row are looked for in the database after the thread of known ones is lost. Only a
// sample of all chunks is there, so more would be a waste.
const askAfterLoss = 4

// find says where a chunk is stored, in this file or in a xorb that the scope knows.
func (in *ingest) find(h xet.Hash) (chunkPlace, bool, error) {
	if at, ok := in.known.get(h); ok {
		in.asked = askAfterLoss
		return at, true, nil
	}
	if in.asked == 0 && !xet.GlobalDedupEligible(h) {
		return chunkPlace{}, false, nil
	}
	in.asked = max(in.asked-1, 0)
	listed, err := in.store.neighbourhood(in.ctx, in.scope, h, maxNeighbours)
	if err != nil {
		return chunkPlace{}, false, err
	}
	for i := len(listed) - 1; i >= 0; i-- { // the holder last: what came last is forgotten last
		in.learn(listed[i])
	}
	at, ok := in.known.get(h)
	if ok {
		in.asked = askAfterLoss
	}
	return at, ok, nil
}

func (in *ingest) learn(x *xet.Index) {
	n := in.xorb(x.Hash)
	for i := range x.Chunks {
		in.known.add(x.Chunks[i].Hash, chunkPlace{n, uint32(i)})
	}
}

// xorb returns the number of a xorb that is stored.
func (in *ingest) xorb(h xet.Hash) int32 {
	n, ok := in.number[h]
	if !ok {
		n = int32(len(in.xorbs))
		in.number[h] = n
		in.xorbs = append(in.xorbs, h)
	}
	return n
}

// term adds a chunk to the file.
func (in *ingest) term(at chunkPlace, length int) {
	if n := len(in.terms); n > 0 {
		t := &in.terms[n-1]
		if t.xorb == at.xorb && t.end == at.index {
			t.end++
			t.raw += uint32(length)
			return
		}
	}
	in.terms = append(in.terms, ingestTerm{at.xorb, uint32(length), at.index, at.index + 1})
}

// registration is what to write for the finished file.
func (in *ingest) registration(f File) *registration {
	segments := in.segments()
	g := &registration{xorbs: in.rows, had: in.had, chunks: slices.Clone(in.chunks), senders: in.scope.senders(), since: in.since}
	g.files = []fileRow{{Hash: f.Hash[:], Size: f.Size, SHA256: f.SHA256[:], terms: xet.EncodeTerms(segments)}}
	if len(segments) > 0 {
		g.lead(in.first, segments)
	}
	return g
}

// segments are the terms once all xorbs have their hashes.
func (in *ingest) segments() []xet.Segment {
	segments := make([]xet.Segment, len(in.terms))
	for i, t := range in.terms {
		segments[i] = xet.Segment{Xorb: in.xorbs[t.xorb], UnpackedBytes: t.raw, Start: t.start, End: t.end}
	}
	return segments
}

// chunkPlace is a chunk of the xorb with a number.
type chunkPlace struct {
	xorb  int32
	index uint32
}

// chunkMap remembers where chunks are, in bounded memory: when the younger half is full, the older is forgotten.
type chunkMap struct{ young, old map[xet.Hash]chunkPlace }

const chunkMapHalf = 48 << 10 // some 3 MiB each

func newChunkMap() *chunkMap { return &chunkMap{young: map[xet.Hash]chunkPlace{}} }

func (m *chunkMap) get(h xet.Hash) (chunkPlace, bool) {
	if at, ok := m.young[h]; ok {
		return at, true
	}
	at, ok := m.old[h]
	return at, ok
}

func (m *chunkMap) add(h xet.Hash, at chunkPlace) {
	if len(m.young) >= chunkMapHalf {
		m.old, m.young = m.young, make(map[xet.Hash]chunkPlace, chunkMapHalf)
	}
	m.young[h] = at
}
