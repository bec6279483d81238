package xet

import (
	"encoding/binary"
	"time"
)

// AppendShard appends a shard in the form in which clients upload it, with the footer that hubs in JavaScript send if footer
// is set: for pushing to another hub, and for tests. Verification is written for a file that has one hash per segment.
func AppendShard(dst []byte, s *Shard, footer bool) []byte {
	w := shardWriter{b: dst, start: len(dst)}
	w.header(footer)
	for i := range s.Files {
		w.file(&s.Files[i])
	}
	w.bookend()
	f := shardFooter{xorbOffset: w.offset()}
	for i := range s.Xorbs {
		x := &s.Xorbs[i]
		var raw uint32
		for _, c := range x.Chunks {
			raw += c.Length
		}
		w.record(x.Hash, 0, uint32(len(x.Chunks)), raw, 0)
		for _, c := range x.Chunks {
			w.record(c.Hash, c.Start, c.Length, c.Flags, 0)
		}
		f.storedBytes += uint64(raw)
	}
	w.bookend()
	if footer {
		w.footer(&f)
	}
	return w.b
}

type shardWriter struct {
	b     []byte
	start int
}

func (w *shardWriter) offset() uint64 { return uint64(len(w.b) - w.start) }

func (w *shardWriter) u64(v ...uint64) {
	for _, x := range v {
		w.b = binary.LittleEndian.AppendUint64(w.b, x)
	}
}

func (w *shardWriter) record(h Hash, words ...uint32) {
	w.b = append(w.b, h[:]...)
	for i := range 4 {
		var v uint32
		if i < len(words) {
			v = words[i]
		}
		w.b = binary.LittleEndian.AppendUint32(w.b, v)
	}
}

func (w *shardWriter) bookend() { w.b = append(w.b, bookend[:]...) }

func (w *shardWriter) header(footer bool) {
	w.b = append(w.b, shardTag[:]...)
	size := uint64(0)
	if footer {
		size = shardFooterSize
	}
	w.u64(shardVersion, size)
}

func (w *shardWriter) file(f *File) {
	var flags uint32
	verified := len(f.Verification) == len(f.Segments) && f.Verification != nil
	if verified {
		flags |= fileHasVerification
	}
	if f.SHA256 != nil {
		flags |= fileHasMetadata
	}
	w.record(f.Hash, flags, uint32(len(f.Segments)))
	for _, s := range f.Segments {
		w.record(s.Xorb, 0, s.UnpackedBytes, s.Start, s.End)
	}
	if verified {
		for _, h := range f.Verification {
			w.record(h)
		}
	}
	if f.SHA256 != nil {
		w.record(HashFromSHA256(*f.SHA256))
	}
}

// shardFooter holds what differs between footers.
type shardFooter struct {
	xorbOffset      uint64
	key             [32]byte
	created, expiry uint64
	storedBytes     uint64
}

// footer ends a shard without lookup tables. Their offsets still point at the footer, because readers take them for the end
// of the section before.
func (w *shardWriter) footer(f *shardFooter) {
	at := w.offset()
	w.u64(footerVersion, shardRecord, f.xorbOffset, at, 0, at, 0, at, 0)
	w.b = append(w.b, f.key[:]...)
	w.u64(f.created, f.expiry)
	w.b = append(w.b, make([]byte, 48)...)
	w.u64(0, 0, f.storedBytes, at)
}

func unixSeconds(t time.Time) uint64 { return uint64(max(0, t.Unix())) }
