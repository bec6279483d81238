package git

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the pack trailer is SHA-1
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/cairnhub/cairn/internal/hub"
)

// VerifyObjects makes each object of the pack, in the order in which they lie, and compares it with all that the catalog
// says of it: its packed bytes' CRC, its id, kind and size, and the pointer that it is. It stops at the first difference,
// which is ErrMalformed, and asks stop before each object. [VerifyPack] must have passed.
func (p *PackReader) VerifyObjects(stop func() error) error {
	if p.x.bases == nil {
		p.x.keepBases(deltaBases)
	}
	return p.ByOffset(func(i int) error {
		if err := stop(); err != nil {
			return err
		}
		return p.verifyObject(i)
	})
}

// Spoiled calls bad with each object that VerifyObjects would not pass, until it returns false: of a damaged pack, what is
// lost.
func (p *PackReader) Spoiled(stop func() error, bad func(hub.OID) bool) error {
	if p.x.bases == nil {
		p.x.keepBases(deltaBases)
	}
	err := p.ByOffset(func(i int) error {
		if err := stop(); err != nil {
			return err
		}
		if p.verifyObject(i) != nil && !bad(p.cat.OID(i)) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

var errEnough = errors.New("enough")

func (p *PackReader) verifyObject(i int) error {
	o := p.cat.At(i)
	next, err := p.entryEnd(o)
	if err != nil {
		return err
	}
	if crc, err := crcOf(p.r, o.Offset, next); err != nil {
		return err
	} else if crc != o.CRC {
		return malformed("CRC of %s in the pack", o.OID)
	}
	h, err := entryHeadAt(p.r, o.Offset, p.end())
	if err != nil {
		return err
	}
	if h.kind.isDelta() != o.Delta || !o.Delta && (h.kind != o.Kind || h.size != o.Size) {
		return malformed("catalog of %s: it is packed otherwise", o.OID)
	}
	if !o.Delta && o.Size > MaxPointer {
		return p.verifyStream(i)
	}
	kind, data, err := p.Object(i, MaxWhole)
	if err != nil {
		return err
	}
	if kind != o.Kind || int64(len(data)) != o.Size {
		return malformed("catalog of %s: it is a %s of %d bytes", o.OID, kind, len(data))
	}
	if kind == KindBlob && !samePointer(pointerIn(data), o.Pointer) {
		return malformed("catalog of %s: another pointer", o.OID)
	}
	return nil
}

func samePointer(a, b *Pointer) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// verifyStream hashes an object that is packed whole. Its last Read compares the id.
func (p *PackReader) verifyStream(i int) error {
	r, err := p.Stream(i, MaxWhole)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// PackVerifier checks a pack's frame and its SHA-1 as the pack is written to it from its first byte to its last. It is
// [VerifyPack] for who has a stream.
type PackVerifier struct {
	size, n int64
	head    [packHeaderLen]byte
	tail    [packTrailerLen]byte
	hash    hash.Hash
}

// NewPackVerifier expects a pack of size bytes.
func NewPackVerifier(size int64) *PackVerifier {
	return &PackVerifier{size: size, hash: sha1.New()} //nolint:gosec // the pack trailer is SHA-1
}

// Write looks at more of the pack. Bytes past its size are ErrMalformed.
func (v *PackVerifier) Write(p []byte) (int, error) {
	written := len(p)
	if v.n+int64(len(p)) > v.size {
		return 0, malformed("pack of more than %d bytes", v.size)
	}
	if v.n < packHeaderLen {
		copy(v.head[v.n:], p)
	}
	body := min(max(v.size-packTrailerLen-v.n, 0), int64(len(p)))
	_, _ = v.hash.Write(p[:body]) // never fails
	v.n += body
	if p = p[body:]; len(p) > 0 {
		copy(v.tail[v.n-(v.size-packTrailerLen):], p)
		v.n += int64(len(p))
	}
	return written, nil
}

// Sum is what VerifyPack returns, once all of the pack was written. A pack that ends early is io.ErrUnexpectedEOF.
func (v *PackVerifier) Sum() (objects uint32, sum hub.OID, err error) {
	switch {
	case v.size < packHeaderLen+packTrailerLen:
		return 0, sum, malformed("pack of %d bytes", v.size)
	case v.n < v.size:
		return 0, sum, fmt.Errorf("pack ends after %d of %d bytes: %w", v.n, v.size, io.ErrUnexpectedEOF)
	}
	if version := binary.BigEndian.Uint32(v.head[4:]); string(v.head[:4]) != "PACK" || (version != 2 && version != 3) {
		return 0, sum, malformed("pack header")
	}
	if !bytes.Equal(v.hash.Sum(nil), v.tail[:]) {
		return 0, sum, malformed("pack checksum")
	}
	return binary.BigEndian.Uint32(v.head[8:]), v.tail, nil
}
