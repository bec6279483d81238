package xetstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// KeyPrefix begins the keys of all xorbs.
const KeyPrefix = "xorbs/"

const (
	selectXorbSizes = "SELECT hash, stored_size FROM xet_xorb"
	selectXorbRepos = "SELECT repo_id FROM xet_repo_xorb WHERE xorb = ? ORDER BY repo_id LIMIT ?"
	countLost       = "SELECT COUNT(*) FROM xet_xorb WHERE hash = ? AND lost_at IS NOT NULL"
)

// EachObject calls fn with the key of every xorb that has a row and the bytes that the row says it has, in no order. It
// holds one query open.
func EachObject(ctx context.Context, q db.Queryer, fn func(key string, size int64) error) error {
	rows, err := q.Query(ctx, selectXorbSizes)
	if err != nil {
		return errs.Wrap("xetstore.EachObject", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		var size int64
		if err := rows.Scan(&hash, &size); err != nil {
			return errs.Wrap("xetstore.EachObject", err)
		}
		if err := fn(xorbKey(xet.Hash(hash)), size); err != nil {
			return err
		}
	}
	return errs.Wrap("xetstore.EachObject", rows.Err())
}

// ReposOf are some of the repositories, by id, that a xorb is a part of.
func ReposOf(ctx context.Context, q db.Queryer, key string, limit int) (ids []string, err error) {
	h, err := hashOfKey(key)
	if err == nil {
		err = q.Select(ctx, &ids, selectXorbRepos, h[:], limit)
	}
	return ids, errs.Wrap("xetstore.ReposOf", err)
}

// IsLost reports whether a xorb was given up as lost.
func IsLost(ctx context.Context, q db.Queryer, key string) (bool, error) {
	n := 0
	h, err := hashOfKey(key)
	if err == nil {
		err = q.Get(ctx, &n, countLost, h[:])
	}
	return n > 0, errs.Wrap("xetstore.IsLost", err)
}

func hashOfKey(key string) (xet.Hash, error) {
	return xet.ParseHash(key[strings.LastIndexByte(key, '/')+1:])
}

// CopyObject writes a xorb's blob to w, body and index, and returns its bytes. The index must hash to the key, and each
// chunk must have the checksum that it was stored with: that costs little more than to copy, and finds whatever has rotted
// since. Otherwise the error is [blob.ErrDamaged], and what was written to w is worth nothing.
func CopyObject(ctx context.Context, src blob.Store, key string, w io.Writer) (int64, error) {
	h, err := hashOfKey(key)
	if err != nil {
		return 0, errs.New(errs.Invalid, "%q is no key of a xorb", key)
	}
	info, err := src.Stat(ctx, key)
	if err != nil {
		return 0, blob.Damaged(key, err)
	}
	if info.Size <= copyBuffer {
		// Read at once: to open a small blob twice takes longer than to copy it.
		whole, err := copiedWhole(ctx, src, key, info.Size, h)
		if err != nil {
			return 0, blob.Damaged(key, err, xet.ErrCorrupt)
		}
		_, err = w.Write(whole)
		return info.Size, err
	}
	x, trailer, err := copiedIndex(ctx, src, key, info.Size)
	if err == nil && x.Hash != h {
		err = corruptBlob("the blob is another xorb")
	}
	if err == nil {
		err = copyBody(ctx, src, key, x, w)
	}
	if err != nil {
		return 0, blob.Damaged(key, err, xet.ErrCorrupt)
	}
	_, err = w.Write(trailer)
	return info.Size, err
}

// copyBuffer is read at once: chunks are shorter.
const copyBuffer = 1 << 20

// copiedWhole reads a small xorb's blob, and checks it.
func copiedWhole(ctx context.Context, src blob.Store, key string, size int64, h xet.Hash) ([]byte, error) {
	r, err := src.Open(ctx, key, 0, size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	whole := make([]byte, size)
	if _, err := io.ReadFull(r, whole); err != nil {
		return nil, err
	}
	x, _, err := indexAtEnd(whole, size)
	if err == nil && x.Hash != h {
		err = corruptBlob("the blob is another xorb")
	}
	if err == nil {
		err = checkChunks(x, 0, x.NumChunks(), whole)
	}
	return whole, err
}

func copyBody(ctx context.Context, src blob.Store, key string, x *xet.Index, w io.Writer) error {
	r, err := src.Open(ctx, key, 0, x.BodyLen())
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = xet.CopyStored(w, bufio.NewReaderSize(r, copyBuffer), x, 0, x.NumChunks())
	return err
}

// copiedIndex reads the index at the end of a blob, and its bytes.
func copiedIndex(ctx context.Context, src blob.Store, key string, size int64) (*xet.Index, []byte, error) {
	n := min(size, xet.MaxTrailer)
	r, err := src.Open(ctx, key, size-n, n)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	tail := make([]byte, n)
	if _, err := io.ReadFull(r, tail); err != nil {
		return nil, nil, err
	}
	return indexAtEnd(tail, size)
}

// indexAtEnd is the index in the last bytes of a blob of some size, and its trailer.
func indexAtEnd(tail []byte, size int64) (*xet.Index, []byte, error) {
	x, body, err := xet.ParseTrailer(tail)
	if err != nil {
		return nil, nil, err
	}
	trailer := x.AppendTrailer(nil)
	if body+int64(len(trailer)) != size || !bytes.HasSuffix(tail, trailer) {
		return nil, nil, corruptBlob("the index is of a blob of another length")
	}
	return x, trailer, x.CheckHash()
}

// Adopt gives rows to stored xorbs that have none, from their indexes. Nobody has a right to them by that: who sends the
// same bytes again gets it, and what nobody sends is collected like any other. Damaged ones are left out.
func Adopt(ctx context.Context, d *db.DB, src blob.Store, keys []string) (int64, error) {
	var rows []xorbRow
	for _, key := range keys {
		info, err := src.Stat(ctx, key)
		if err != nil {
			return 0, errs.Wrap("xetstore.Adopt", err)
		}
		x, _, err := copiedIndex(ctx, src, key, info.Size)
		if err == nil && xorbKey(x.Hash) != key {
			err = corruptBlob("the blob is another xorb")
		}
		if err = blob.Damaged(key, err, xet.ErrCorrupt); errors.Is(err, blob.ErrDamaged) {
			continue
		}
		if err != nil {
			return 0, errs.Wrap("xetstore.Adopt", err)
		}
		rows = append(rows, newXorbRow(x, info.Size, d.Now().UnixMicro()))
	}
	err := d.Tx(ctx, func(tx *db.Tx) error { return insertXorbs(ctx, tx, rows) })
	return int64(len(rows)), errs.Wrap("xetstore.Adopt", err)
}
