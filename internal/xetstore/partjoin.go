package xetstore

import (
	"context"
	"errors"
	"io"

	"github.com/cairnhub/cairn/internal/xet"
)

// join makes one file of parts that were cut each for itself. A part ends with a chunk that only the part's end has cut, so
// the bytes from there on are cut again until a cut falls where the next part has one: from there on its chunks are those
// that the whole file has.
func (in *ingest) join(upload string, parts []partRow) error {
	w := &partWalk{ctx: in.ctx, store: in.store, upload: upload, parts: parts}
	for {
		c, err := w.peek()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.cutShort {
			if w, err = in.cutAgain(w); err != nil {
				return err
			}
			continue
		}
		in.accept(c)
		w.next()
	}
}

// accept takes a stored chunk as the file's next.
func (in *ingest) accept(c storedChunk) {
	info := &c.index.Chunks[c.i]
	n := c.index.RawLen(c.i, c.i+1)
	if in.size == 0 {
		in.first = info.Hash
	}
	in.size += int64(n)
	in.tree.Add(xet.Leaf{Hash: info.Hash, Size: n})
	in.term(chunkPlace{in.xorb(c.index.Hash), uint32(c.i)}, int(n))
}

// cutAgain cuts the bytes from where w stands and returns where the stored chunks may be taken as they are again.
func (in *ingest) cutAgain(w *partWalk) (*partWalk, error) {
	r := &partReader{walk: w.clone(), borders: map[int64]*partWalk{}}
	defer r.close()
	chunker := xet.NewChunker(r)
	var pos int64
	for {
		chunk, err := chunker.Next()
		if errors.Is(err, io.EOF) {
			return r.walk, nil
		}
		if err != nil {
			return nil, err
		}
		if err := in.add(newChunkBuffer(chunk, 1), xet.ChunkHash(chunk)); err != nil {
			return nil, err
		}
		pos += int64(len(chunk))
		if at, ok := r.borders[pos]; ok {
			return at, nil
		}
		for border := range r.borders {
			if border < pos {
				delete(r.borders, border)
			}
		}
	}
}

// storedChunk is a chunk of a part.
type storedChunk struct {
	index    *xet.Index
	i        int
	cutShort bool // the last of a part that is not the last
}

// partWalk goes over the chunks of all parts in order.
type partWalk struct {
	ctx    context.Context
	store  *Store
	upload string
	parts  []partRow

	part     int
	segments []xet.Segment // of that part; nil: not read yet
	segment  int
	index    *xet.Index // of that segment; nil: not read yet
	chunk    int        // within the segment
}

func (w *partWalk) clone() *partWalk {
	c := *w
	return &c
}

// peek returns the chunk that is next, and io.EOF after the last.
func (w *partWalk) peek() (c storedChunk, err error) {
	for w.part < len(w.parts) {
		if w.segments == nil {
			if w.segments, err = partTerms(w.ctx, w.store.db, w.upload, w.parts[w.part]); err != nil {
				return c, err
			}
		}
		if w.segment == len(w.segments) {
			w.part++
			w.segments, w.segment = nil, 0
			continue
		}
		return w.chunkAt(&w.segments[w.segment])
	}
	return c, io.EOF
}

func (w *partWalk) chunkAt(seg *xet.Segment) (c storedChunk, err error) {
	if w.index == nil {
		if w.index, err = w.store.index(w.ctx, seg.Xorb); err != nil {
			return c, err
		}
		if start, end := int(seg.Start), int(seg.End); end > w.index.NumChunks() || w.index.RawLen(start, end) != uint64(seg.UnpackedBytes) {
			return c, w.store.damaged("terms of a part", xet.ErrCorrupt)
		}
	}
	i := int(seg.Start) + w.chunk
	last := w.segment == len(w.segments)-1 && i == int(seg.End)-1
	return storedChunk{w.index, i, last && w.part < len(w.parts)-1}, nil
}

// next goes on to the chunk after the one that peek returned.
func (w *partWalk) next() {
	seg := &w.segments[w.segment]
	if w.chunk++; int(seg.Start)+w.chunk == int(seg.End) {
		w.segment++
		w.chunk, w.index = 0, nil
	}
}

// partReader reads the bytes of a walk and remembers where its chunks begin.
type partReader struct {
	walk    *partWalk
	pos     int64 // of walk
	borders map[int64]*partWalk
	buf     []byte // of chunks, with room for one
	rest    []byte // what was not read yet
}

func (r *partReader) close() { r.buf = nil }

func (r *partReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if err := r.load(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *partReader) load() error {
	c, err := r.walk.peek()
	if err != nil {
		return err
	}
	if r.buf == nil {
		r.buf = make([]byte, 0, xet.MaxChunk)
	}
	w := &sliceWriter{r.buf[:0]}
	n := c.index.RawLen(c.i, c.i+1)
	seg := []xet.Segment{{Xorb: c.index.Hash, UnpackedBytes: uint32(n), Start: uint32(c.i), End: uint32(c.i + 1)}}
	if err := r.walk.store.stream(r.walk.ctx, w, true, seg, 0, int64(n)); err != nil {
		return err
	}
	r.rest = w.b
	r.pos += int64(n)
	r.walk.next()
	r.borders[r.pos] = r.walk.clone()
	return nil
}

type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}
