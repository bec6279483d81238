package xetstore

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// How closely a xorb is looked at; see [blob.Level].
const (
	Present = blob.Present // row and blob agree on the length
	Index   = blob.Index   // the trailer hashes to the name
	Data    = blob.Data    // every chunk is unpacked and hashed
)

// ErrDamaged is matched by every error that says that a stored xorb is not what it should be. The error is a
// [blob.DamageError], which says whether the blob is absent, short, corrupt or unreadable.
var ErrDamaged = blob.ErrDamaged

// verifyBuffer is what is read at once from a store that does not hand out blocks of its own.
const verifyBuffer = 1 << 20

// XorbInfo is a xorb as its row has it.
type XorbInfo struct {
	Hash   xet.Hash
	Chunks int   // how many
	Raw    int64 // bytes of the chunks, uncompressed
	Body   int64 // bytes of the stored chunks
	Stored int64 // bytes of the blob: body and index

	Damaged bool // the hub asks for its bytes again
	Lost    bool // they were given up: nobody has them
}

// Key is where the xorb's blob is.
func (x *XorbInfo) Key() string { return xorbKey(x.Hash) }

// Differs reports whether the row says anything else than an index.
func (x *XorbInfo) Differs(i *xet.Index) bool {
	n := i.NumChunks()
	return x.Chunks != n || x.Raw != int64(i.RawLen(0, n)) || x.Body != i.BodyLen() || x.Stored != i.BodyLen()+int64(len(i.AppendTrailer(nil)))
}

// Xorbs lists xorbs in the order of their hashes, up to limit of them with a hash greater than after, which is empty for
// the first page. It costs one statement.
func (s *Store) Xorbs(ctx context.Context, after []byte, limit int) ([]XorbInfo, error) {
	var rows []xorbRow
	if err := s.db.Select(ctx, &rows, selectXorbs, nonNil(after), limit); err != nil {
		return nil, errs.Wrap("xetstore.Xorbs", err)
	}
	out := make([]XorbInfo, len(rows))
	for i := range rows {
		out[i] = rows[i].info()
	}
	return out, nil
}

// Xorb is one xorb's row.
func (s *Store) Xorb(ctx context.Context, h xet.Hash) (x XorbInfo, found bool, err error) {
	row, err := getXorb(ctx, s.db, h)
	if err != nil || row == nil {
		return x, false, errs.Wrap("xetstore.Xorb", err)
	}
	return row.info(), true, nil
}

func (r *xorbRow) info() XorbInfo {
	return XorbInfo{Hash: xet.Hash(r.Hash), Chunks: int(r.Chunks), Raw: r.RawSize, Body: r.BodySize, Stored: r.StoredSize, Damaged: r.DamagedAt != nil, Lost: r.LostAt != nil}
}

// Verify reads a xorb's blob where it is kept for good, past all caches, as closely as level says. Damage is [ErrDamaged];
// a xorb that has no row, or none any more, is errs.NotFound and not damage. What changes meanwhile is looked at again
// before it is called damage.
func (s *Store) Verify(ctx context.Context, h xet.Hash, level blob.Level) error {
	_, err := s.VerifyXorb(ctx, h, level)
	return err
}

// VerifyXorb is Verify that gives the index that was read; nil if level asks for none.
func (s *Store) VerifyXorb(ctx context.Context, h xet.Hash, level blob.Level) (*xet.Index, error) {
	var seen error
	for {
		row, err := getXorb(ctx, s.db, h)
		if err != nil {
			return nil, errs.Wrap("xetstore.Verify", err)
		}
		if row == nil {
			return nil, errs.New(errs.NotFound, "There is no xorb %s", h)
		}
		info := row.info()
		x, err := s.verify(ctx, &info, level)
		if err == nil || !errors.Is(err, ErrDamaged) || seen != nil {
			return x, err
		}
		// The blob may have been stored anew, or collected after its row, between two looks.
		seen = err
	}
}

// NoteDamage verifies a xorb once more while no upload can replace it, and marks it as damaged if it is.
func (s *Store) NoteDamage(ctx context.Context, h xet.Hash) error {
	return errs.Wrap("xetstore.NoteDamage", s.lookAgain(ctx, h))
}

func (s *Store) verify(ctx context.Context, row *XorbInfo, level blob.Level) (*xet.Index, error) {
	key := row.Key()
	info, err := s.blobs.Stat(ctx, key)
	if err != nil {
		return nil, blob.Damaged(key, err)
	}
	// Another node may have stored the xorb otherwise compressed at the same moment, so the blob decides.
	var x *xet.Index
	if level > Present || info.Size != row.Stored {
		if x, err = s.verifyIndex(ctx, row.Hash, info.Size); err != nil {
			if row.Stored > info.Size && errors.Is(err, xet.ErrCorrupt) {
				err = &blob.DamageError{Key: key, State: blob.Short, Err: err}
			}
			return nil, blob.Damaged(key, err, xet.ErrCorrupt)
		}
	}
	if level >= Data {
		err = blob.Damaged(key, s.verifyBody(ctx, x), xet.ErrCorrupt)
	}
	return x, err
}

// verifyIndex reads the trailer at the end of a blob of some bytes.
func (s *Store) verifyIndex(ctx context.Context, h xet.Hash, size int64) (*xet.Index, error) {
	n := min(size, xet.MaxTrailer)
	r, err := blob.OpenUncached(ctx, s.blobs, xorbKey(h), size-n, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	tail := bytes.NewBuffer(make([]byte, 0, n))
	if _, err := io.Copy(tail, r); err != nil {
		return nil, err
	}
	x, body, err := xet.ParseTrailer(tail.Bytes())
	if err != nil {
		return nil, err
	}
	trailer, err := xet.TrailerLen(tail.Bytes())
	switch {
	case err != nil:
		return nil, err
	case body+int64(trailer) != size:
		return nil, corruptBlob("the index is of a blob of another length")
	case x.Hash != h:
		return nil, corruptBlob("the blob is another xorb")
	}
	return x, x.CheckHash()
}

func corruptBlob(msg string) error { return errors.Join(xet.ErrCorrupt, errors.New(msg)) }

func (s *Store) verifyBody(ctx context.Context, x *xet.Index) error {
	r, err := blob.OpenUncached(ctx, s.blobs, xorbKey(x.Hash), 0, x.BodyLen())
	if err != nil {
		return err
	}
	defer r.Close()
	v := xet.NewBodyVerifier(x)
	_, err = io.CopyBuffer(v, r, make([]byte, min(verifyBuffer, x.BodyLen())))
	if e := v.Close(); err == nil {
		err = e
	}
	return err
}
