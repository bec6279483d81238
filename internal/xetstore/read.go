package xetstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// WriteTo writes n bytes of a file from off to w. Every chunk is checked before any of its bytes is written: damage ends
// the stream with an error that is xet.ErrCorrupt. It holds up to 8 MiB and reads ahead while w is written to. The caller
// has found the file through a repository that may be read.
func (s *Store) WriteTo(ctx context.Context, w io.Writer, f File, off, n int64) error {
	segments, err := s.termsOf(ctx, f)
	if err != nil {
		return errs.Wrap("xetstore.WriteTo", err)
	}
	if off < 0 || n < 0 || off > f.Size || n > f.Size-off {
		return errs.New(errs.RangeUnsatisfiable, "The file has no such range")
	}
	err = s.stream(ctx, w, segments, f.Size, off, n)
	if errors.Is(err, xet.ErrCorrupt) {
		s.terms.Remove(termsKey{f.RepoID, f.Hash}) // a repair may have brought others
	}
	return err
}

// stream is WriteTo on terms.
func (s *Store) stream(ctx context.Context, w io.Writer, segments []xet.Segment, size, off, n int64) error {
	if n == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	r := newBlockReader(ctx, s, segments, size, off, n)
	go r.run()
	d := chunkDecoder{w: w, raw: rawBuffers.Get().(*[xet.MaxChunk]byte)}
	defer rawBuffers.Put(d.raw)
	defer r.drain()
	defer cancel()
	for b := range r.out {
		if b.err != nil {
			return b.err
		}
		err := d.write(&b)
		b.buf.release()
		if err != nil {
			if d.corrupt {
				s.indexes.Remove(b.index.Hash)
				err = s.damaged("xorb "+b.index.Hash.String(), err)
			}
			return err
		}
	}
	return nil
}

// chunkHeader is the length of the header before each stored chunk.
const chunkHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunkDecoder writes the bytes of stored chunks, each checked first.
type chunkDecoder struct {
	w       io.Writer
	raw     *[xet.MaxChunk]byte
	corrupt bool // the last error was found in the bytes, not met while writing
}

func (d *chunkDecoder) write(b *block) error {
	at, skip, left := b.at, b.skip, b.take
	for i := b.start; i < b.end && left > 0; i++ {
		_, n := b.index.PhysRange(i, i+1)
		raw, err := d.chunk(b.index, i, b.buf.b[at:at+int(n)])
		if err != nil {
			d.corrupt = true
			return fmt.Errorf("chunk %d: %w", i, err)
		}
		at += int(n)
		raw = raw[min(skip, int64(len(raw))):]
		raw = raw[:min(left, int64(len(raw)))]
		skip = 0
		left -= int64(len(raw))
		if _, err := d.w.Write(raw); err != nil {
			return err
		}
	}
	return nil
}

// chunk returns the uncompressed bytes of a stored chunk if they are those that were stored. An uncompressed one is not
// copied.
func (d *chunkDecoder) chunk(x *xet.Index, i int, stored []byte) ([]byte, error) {
	payload, want := stored[chunkHeader:], x.Chunks[i].CRC
	if crc32.Checksum(payload, castagnoli) != want {
		return nil, fmt.Errorf("checksum: %w", xet.ErrCorrupt)
	}
	length := int(x.RawLen(i, i+1))
	if x.Chunks[i].Scheme == xet.SchemeNone {
		if len(payload) != length {
			return nil, fmt.Errorf("length: %w", xet.ErrCorrupt)
		}
		return payload, nil
	}
	raw, n, err := xet.DecodeChunk(d.raw[:0], stored)
	if err != nil || n != len(stored) || len(raw) != length {
		return nil, fmt.Errorf("decode: %w", xet.ErrCorrupt)
	}
	return raw, nil
}
