package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/cairnhub/cairn/internal/blob"
)

// Records are gathered in blocks, and blocks in parts, which are objects of the store. A block, little-endian:
//
//	0   "CRNB"   4 bytes of its records   8 bytes of the block's body   12 CRC-32C of the 12 before and the body
//	16  the body: the records, compressed by zstd
//
// A record is its length as a varint, and its bytes. No record goes over into another block.
const (
	blockMagic = "CRNB"
	blockHead  = 16
	blockSize  = 1 << 20   // records of one block, unless a single one is longer
	maxRecord  = 1 << 30   // the longest that is read
	partSize   = 256 << 20 // of blocks in one part
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// partWriter writes records.
type partWriter struct {
	ctx   context.Context
	store blob.Store
	name  func(n int) string // the key of a part

	partSize int64 // 0: one part takes all

	parts []Part
	up    blob.Upload
	hash  hash.Hash
	buf   []byte
	out   []byte
	enc   *zstd.Encoder
}

func newPartWriter(ctx context.Context, s blob.Store, name func(n int) string) (*partWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(blockSize))
	if err != nil {
		return nil, err
	}
	return &partWriter{ctx: ctx, store: s, name: name, partSize: partSize, enc: enc}, nil
}

// record adds one. The bytes may be used again by the caller.
func (w *partWriter) record(b []byte) error {
	if len(b) > maxRecord {
		return fmt.Errorf("a row of %d bytes is more than a backup takes", len(b))
	}
	if len(w.buf) > 0 && len(w.buf)+len(b)+binary.MaxVarintLen64 > blockSize {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.buf = append(binary.AppendUvarint(w.buf, uint64(len(b))), b...)
	return nil
}

// flush writes a block.
func (w *partWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.up == nil {
		up, err := w.store.Create(w.ctx)
		if err != nil {
			return err
		}
		w.up, w.hash = up, sha256.New()
	}
	var head [blockHead]byte
	w.out = w.enc.EncodeAll(w.buf, append(w.out[:0], head[:]...))
	le := binary.LittleEndian
	copy(w.out, blockMagic)
	le.PutUint32(w.out[4:], uint32(len(w.buf)))
	le.PutUint32(w.out[8:], uint32(len(w.out)-blockHead))
	le.PutUint32(w.out[12:], blockSum(w.out[:12], w.out[blockHead:]))
	w.buf = w.buf[:0]
	w.hash.Write(w.out)
	if _, err := w.up.Write(w.out); err != nil {
		return err
	}
	if w.partSize > 0 && w.up.Size() >= w.partSize {
		return w.endPart()
	}
	return nil
}

func blockSum(head, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, body)
}

func (w *partWriter) endPart() error {
	p := Part{Key: w.name(len(w.parts) + 1), Size: w.up.Size(), SHA256: hex.EncodeToString(w.hash.Sum(nil))}
	if err := w.up.Commit(w.ctx, p.Key); err != nil {
		return err
	}
	w.parts, w.up = append(w.parts, p), nil
	return nil
}

// finish writes what is left and returns the parts: at least one.
func (w *partWriter) finish() ([]Part, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	if w.up == nil && len(w.parts) == 0 {
		up, err := w.store.Create(w.ctx)
		if err != nil {
			return nil, err
		}
		w.up, w.hash = up, sha256.New()
	}
	if w.up != nil {
		if err := w.endPart(); err != nil {
			return nil, err
		}
	}
	return w.parts, nil
}

// abort drops what is not finished.
func (w *partWriter) abort() {
	if w.up != nil {
		_ = w.up.Abort()
	}
	_ = w.enc.Close()
}

// partReader reads the records of parts, and checks each block, and each part at its end.
type partReader struct {
	ctx   context.Context
	store blob.Store
	parts []Part // those to come

	at    Part
	src   io.ReadCloser
	in    *bufio.Reader
	hash  hash.Hash
	dec   *zstd.Decoder
	body  []byte
	block []byte
	rest  []byte
}

func newPartReader(ctx context.Context, s blob.Store, parts []Part) (*partReader, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecord+binary.MaxVarintLen64))
	if err != nil {
		return nil, err
	}
	return &partReader{ctx: ctx, store: s, parts: parts, dec: dec}, nil
}

func (r *partReader) close() {
	if r.src != nil {
		_ = r.src.Close()
	}
	r.dec.Close()
}

// next is the next record, good until the next call; io.EOF after the last.
func (r *partReader) next() ([]byte, error) {
	for len(r.rest) == 0 {
		if err := r.readBlock(); err != nil {
			return nil, err
		}
	}
	n, k := binary.Uvarint(r.rest)
	if k <= 0 || n > uint64(len(r.rest)-k) {
		return nil, torn(r.at.Key, "a record is longer than its block")
	}
	record := r.rest[k : k+int(n)]
	r.rest = r.rest[k+int(n):]
	return record, nil
}

func (r *partReader) readBlock() error {
	if r.src == nil {
		if len(r.parts) == 0 {
			return io.EOF
		}
		if err := r.open(); err != nil {
			return err
		}
	}
	head := make([]byte, blockHead)
	if _, err := io.ReadFull(r.in, head); err == io.EOF {
		return r.endPart()
	} else if err != nil {
		return r.broken(err)
	}
	le := binary.LittleEndian
	size, raw := le.Uint32(head[8:]), le.Uint32(head[4:])
	if string(head[:4]) != blockMagic || raw > maxRecord+binary.MaxVarintLen64 || int64(size) > r.at.Size {
		return torn(r.at.Key, "no block where one should begin")
	}
	if uint32(cap(r.body)) < size {
		r.body = make([]byte, size)
	}
	r.body = r.body[:size]
	if _, err := io.ReadFull(r.in, r.body); err != nil {
		return r.broken(err)
	}
	if blockSum(head[:12], r.body) != le.Uint32(head[12:]) {
		return torn(r.at.Key, "the checksum of a block is wrong")
	}
	block, err := r.dec.DecodeAll(r.body, r.block[:0])
	if err != nil || len(block) != int(raw) {
		return torn(r.at.Key, fmt.Sprintf("a block does not unpack: %v", err))
	}
	r.block, r.rest = block, block
	return nil
}

func (r *partReader) open() error {
	r.at, r.parts = r.parts[0], r.parts[1:]
	info, err := r.store.Stat(r.ctx, r.at.Key)
	if err == nil && info.Size != r.at.Size {
		return torn(r.at.Key, fmt.Sprintf("it has %d bytes and not %d", info.Size, r.at.Size))
	}
	if err == nil {
		r.src, err = r.store.Open(r.ctx, r.at.Key, 0, r.at.Size)
	}
	if err != nil {
		return r.broken(err)
	}
	r.hash = sha256.New()
	r.in = bufio.NewReaderSize(io.TeeReader(r.src, r.hash), 256<<10)
	return nil
}

func (r *partReader) endPart() error {
	_ = r.src.Close()
	r.src = nil
	if hex.EncodeToString(r.hash.Sum(nil)) != r.at.SHA256 {
		return torn(r.at.Key, "its hash is another one")
	}
	return nil
}

func (r *partReader) broken(err error) error { return blob.Damaged(r.at.Key, err) }

func isDamage(err error) bool { return errors.Is(err, blob.ErrDamaged) }
