package xetstore

import (
	"context"
	"errors"
	"io"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// Mending makes a damaged xorb whole again from whatever holds its chunks: what is left of itself, replicas, and other
// xorbs with the same chunks. Nothing is believed: each chunk is hashed before it is taken, and what comes together must
// hash to the xorb's name before it replaces anything. A blob is replaced at once and whole, then its row says so; a process
// that dies between the two leaves a sound blob that is still called damaged, and the next run takes that back. What a
// collector has removed meanwhile stays removed: the row is only ever updated, and a blob without a row is collected by age.

// Replica is where copies of blobs may be, under the same keys.
type Replica interface {
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key string) (blob.Info, error)
}

// How a xorb became whole.
type How string

// The ways. Their words are printed.
const (
	WasSound    How = "sound"     // it was not damaged, or not any more
	FromItself  How = "rebuilt"   // the index was made anew from the chunks
	FromReplica How = "replica"   // a replica had what was missing
	FromOthers  How = "elsewhere" // other xorbs hold the missing chunks
)

// Mended is what became of a xorb.
type Mended struct {
	How     How        // empty: it is still damaged
	Index   *xet.Index // nil: not even what it consists of is known
	Missing []int      // those of its chunks that nothing holds
}

// Mend is a run of repairs. It is used by one goroutine.
type Mend struct {
	s        *Store
	replicas []Replica
	dry      bool
	wanted   map[xet.Hash][]chunkAt // chunks that are missing, and what else holds them
}

// chunkAt is a chunk of a stored xorb.
type chunkAt struct {
	xorb xet.Hash
	i    int
}

// NewMend starts a run. dry changes nothing and answers what would be done.
func (s *Store) NewMend(replicas []Replica, dry bool) *Mend {
	return &Mend{s: s, replicas: replicas, dry: dry, wanted: map[xet.Hash][]chunkAt{}}
}

// Xorb makes a xorb whole if it can. Chunks that it lacks are looked for by the next Search. A xorb without a row is
// errs.NotFound.
func (m *Mend) Xorb(ctx context.Context, h xet.Hash) (Mended, error) {
	x, err := m.s.VerifyXorb(ctx, h, Data)
	if err == nil {
		return Mended{How: WasSound, Index: x}, errs.Wrap("xetstore.Mend", m.settle(ctx, x))
	}
	if !errors.Is(err, ErrDamaged) {
		return Mended{}, err
	}
	out, err := m.rebuild(ctx, h)
	return out, errs.Wrap("xetstore.Mend", err)
}

// rebuild writes the blob anew, at least in part, and lets it count if it is whole.
func (m *Mend) rebuild(ctx context.Context, h xet.Hash) (Mended, error) {
	parts, err := m.parts(ctx, h)
	if err != nil || parts == nil {
		return Mended{}, err
	}
	defer parts.close()
	up, err := m.s.blobs.Create(ctx)
	if err != nil {
		return Mended{}, err
	}
	defer up.Abort()
	x, err := xet.VerifyXorb(parts, up, h)
	if parts.err != nil {
		return Mended{}, parts.err
	}
	if len(parts.missing) > 0 {
		for _, i := range parts.missing {
			m.want(parts.index.Chunks[i].Hash)
		}
		return Mended{Index: parts.index, Missing: parts.missing}, ctx.Err()
	}
	if err != nil {
		return Mended{}, err
	}
	out := Mended{How: parts.how, Index: x}
	if m.dry {
		return out, nil
	}
	if _, err := up.Write(x.AppendTrailer(nil)); err != nil {
		return Mended{}, err
	}
	return out, m.replace(ctx, up, x)
}

func (m *Mend) want(chunk xet.Hash) {
	if _, known := m.wanted[chunk]; !known {
		m.wanted[chunk] = nil
	}
}

// replace makes an upload the xorb's blob, then says so in its row.
func (m *Mend) replace(ctx context.Context, up blob.Upload, x *xet.Index) error {
	unlock, err := m.s.commits.Take(ctx, x.Hash)
	if err != nil {
		return err
	}
	defer unlock()
	if row, err := getXorb(ctx, m.s.db, x.Hash); err != nil || row == nil {
		return err // collected meanwhile: nobody needs it
	}
	m.s.indexes.Remove(x.Hash)
	if err := up.Commit(ctx, xorbKey(x.Hash)); err != nil {
		return err
	}
	return m.settle(ctx, x)
}

// settle has the row say what is stored, if it says anything else.
func (m *Mend) settle(ctx context.Context, x *xet.Index) error {
	row, err := getXorb(ctx, m.s.db, x.Hash)
	if err != nil || row == nil || m.dry {
		return err
	}
	if info := row.info(); row.DamagedAt == nil && !info.Differs(x) {
		return nil
	}
	is := newXorbRow(x, x.BodyLen()+int64(len(x.AppendTrailer(nil))), 0)
	err = m.s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, updateWhole, is.Chunks, is.RawSize, is.BodySize, is.StoredSize, x.Hash[:])
		return err
	})
	m.s.hurt.forget()
	return err
}

// partList is the chunks of a xorb, brought together from several places: a reader of its body in which those that
// nothing holds are left out.
type partList struct {
	ctx     context.Context
	m       *Mend
	index   *xet.Index
	copies  []*oneCopy
	next    int
	rest    []byte
	missing []int
	how     How
	err     error // a store did not answer: what is missing is not known
}

// parts finds out what the xorb consists of; nil: nothing knows.
func (m *Mend) parts(ctx context.Context, h xet.Hash) (*partList, error) {
	row, err := getXorb(ctx, m.s.db, h)
	if err != nil || row == nil {
		return nil, err
	}
	p := &partList{ctx: ctx, m: m, how: FromItself}
	for i, r := range append([]Replica{m.s.blobs}, m.replicas...) {
		x, err := indexIn(ctx, r, h, row.BodySize)
		if err != nil {
			return nil, err
		}
		how := FromReplica
		if i == 0 {
			how = FromItself
		}
		p.copies = append(p.copies, &oneCopy{ctx: ctx, from: r, key: xorbKey(h), x: x, how: how})
		if p.index == nil {
			p.index = x
		}
	}
	if p.index == nil {
		return nil, nil
	}
	for _, c := range p.copies {
		if c.x == nil { // its own index is damaged; if it was stored alike, another's will do
			c.x = p.index
		}
	}
	return p, nil
}

// indexIn is the index of a xorb in one place: from its trailer, or made anew from a body of the length that is expected.
// nil: there is none. An error is not about the bytes.
func indexIn(ctx context.Context, r Replica, h xet.Hash, body int64) (*xet.Index, error) {
	info, err := r.Stat(ctx, xorbKey(h))
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := min(info.Size, xet.MaxTrailer)
	tail, err := readRange(ctx, r, xorbKey(h), info.Size-n, n)
	if err != nil && !blames(err) {
		return nil, err
	}
	if err == nil {
		if x, _, err := xet.ParseTrailer(tail); err == nil && x.Hash == h && x.CheckHash() == nil {
			return x, nil
		}
	}
	if body <= 0 || body > info.Size {
		return nil, ctx.Err()
	}
	var x *xet.Index
	rc, err := r.Open(ctx, xorbKey(h), 0, body)
	if err == nil {
		defer rc.Close()
		x, err = xet.VerifyXorb(rc, io.Discard, h)
	}
	if err != nil && blames(err) {
		return nil, nil
	}
	return x, err
}

// blames reports whether an error says that an object is absent or damaged, and not that its store did not answer.
func blames(err error) bool {
	return errors.Is(blob.Damaged("", err, xet.ErrFormat, xet.ErrCorrupt), ErrDamaged)
}

// readRange reads a small range.
func readRange(ctx context.Context, r Replica, key string, off, n int64) ([]byte, error) {
	rc, err := r.Open(ctx, key, off, n)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b := make([]byte, n)
	_, err = io.ReadFull(rc, b)
	return b, err
}

// take is a chunk if it was read and is the one that is wanted.
func (p *partList) take(b []byte, err error, want xet.Hash) []byte {
	if err != nil && !blames(err) && p.err == nil {
		p.err = err
	}
	if err != nil || !isChunk(b, want) {
		return nil
	}
	return b
}

func (p *partList) close() {
	for _, c := range p.copies {
		c.close()
	}
}

// Read gives the chunks that are to be had, one after another, as they are stored.
func (p *partList) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.next == p.index.NumChunks() {
			return 0, io.EOF
		}
		if p.rest = p.chunk(p.next); p.err != nil {
			return 0, p.err
		}
		if p.rest == nil {
			p.missing = append(p.missing, p.next)
		}
		p.next++
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// chunk is one chunk with its header, nil if nothing holds it.
func (p *partList) chunk(i int) []byte {
	want := p.index.Chunks[i].Hash
	for _, c := range p.copies {
		b, err := c.chunk(i)
		if b = p.take(b, err, want); b != nil {
			p.note(c.how)
			return b
		}
	}
	for _, at := range p.m.wanted[want] {
		x, err := p.m.s.index(p.ctx, at.xorb)
		if err != nil || at.i >= x.NumChunks() {
			continue
		}
		off, n := x.PhysRange(at.i, at.i+1)
		b, err := readRange(p.ctx, p.m.s.blobs, xorbKey(at.xorb), off, n)
		if b = p.take(b, err, want); b != nil {
			p.note(FromOthers)
			return b
		}
	}
	return nil
}

// note keeps the farthest of the places that were needed.
func (p *partList) note(how How) {
	if how == FromOthers || how == FromReplica && p.how == FromItself {
		p.how = how
	}
}

func isChunk(stored []byte, want xet.Hash) bool {
	raw, n, err := xet.DecodeChunk(nil, stored)
	return err == nil && n == len(stored) && xet.ChunkHash(raw) == want
}

// oneCopy is one copy of a xorb, read from one chunk to the next as long as nothing is wrong.
type oneCopy struct {
	ctx  context.Context
	from Replica
	key  string
	x    *xet.Index
	how  How
	r    io.ReadCloser // nil: not open
	at   int64
}

func (c *oneCopy) chunk(i int) ([]byte, error) {
	off, n := c.x.PhysRange(i, i+1)
	if c.r == nil || c.at != off {
		c.close()
		r, err := c.from.Open(c.ctx, c.key, off, c.x.BodyLen()-off)
		if err != nil {
			return readRange(c.ctx, c.from, c.key, off, n) // the copy ends early, perhaps behind this chunk
		}
		c.r = r
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.close()
		return nil, err
	}
	c.at = off + n
	return b, nil
}

func (c *oneCopy) close() {
	if c.r != nil {
		_ = c.r.Close()
		c.r = nil
	}
}

// Forget drops the chunks that were looked for.
func (m *Mend) Forget() { clear(m.wanted) }

// searchPage is how many xorbs are looked at with one statement.
const searchPage = 500

// Search looks through the indexes of all stored xorbs for the chunks that are missing, and reports whether it found any.
func (m *Mend) Search(ctx context.Context) (found bool, err error) {
	if len(m.wanted) == 0 {
		return false, nil
	}
	for after := []byte(nil); ; {
		page, err := m.s.Xorbs(ctx, after, searchPage)
		if err != nil {
			return found, err
		}
		for i := range page {
			n, err := m.searchIn(ctx, &page[i])
			if err != nil {
				return found, err
			}
			found = found || n
		}
		if len(page) < searchPage {
			return found, nil
		}
		after = page[len(page)-1].Hash[:]
	}
}

// placesKept is how many places are remembered of a chunk: any of them may be damaged, too.
const placesKept = 4

func (m *Mend) searchIn(ctx context.Context, info *XorbInfo) (found bool, err error) {
	x, err := indexIn(ctx, m.s.blobs, info.Hash, 0)
	if err != nil || x == nil {
		return false, err
	}
	for i := range x.Chunks {
		h := x.Chunks[i].Hash
		if places, is := m.wanted[h]; is && len(places) < placesKept {
			m.wanted[h] = append(places, chunkAt{info.Hash, i})
			found = true
		}
	}
	return found, nil
}
