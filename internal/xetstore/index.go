package xetstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// xorbKey is where a xorb's body and index are.
func xorbKey(h xet.Hash) string {
	s := h.String()
	return "xorbs/" + s[:2] + "/" + s[2:4] + "/" + s
}

func indexWeight(x *xet.Index) int64 { return 256 + 48*int64(x.NumChunks()) }

// index returns what the blob's trailer says of a xorb.
func (s *Store) index(ctx context.Context, h xet.Hash) (*xet.Index, error) {
	if x, ok := s.indexes.Get(h); ok {
		return x, nil
	}
	row, err := getXorb(ctx, s.db, h)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fmt.Errorf("xorb %s: %w", h, errNoXorb)
	}
	x, err := s.readTrailer(ctx, h, row.BodySize, row.StoredSize-row.BodySize)
	if errors.Is(err, xet.ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		// Another node may have stored the same xorb otherwise compressed at the same moment: the blob decides, not a copy.
		blob.Forget(s.blobs, xorbKey(h))
		x, err = s.findTrailer(ctx, h)
	}
	if s.gone(ctx, h, err) {
		return nil, fmt.Errorf("xorb %s: %w", h, errNoXorb)
	}
	if err != nil {
		err = s.damaged("index of xorb "+h.String(), err)
		if errors.Is(err, xet.ErrCorrupt) {
			s.noteDamage(ctx, h)
		}
		return nil, err
	}
	s.indexes.Put(h, x, indexWeight(x))
	return x, nil
}

// indexFor is index as a function of the hash alone, as the engine asks for it.
func (s *Store) indexFor(ctx context.Context) func(xet.Hash) (*xet.Index, error) {
	return func(h xet.Hash) (*xet.Index, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return s.index(ctx, h)
	}
}

// gone reports whether a blob that is absent is so because the collector was here a moment ago: then its row is, too.
func (s *Store) gone(ctx context.Context, h xet.Hash, err error) bool {
	if !errs.Is(err, errs.NotFound) {
		return false
	}
	row, err := getXorb(ctx, s.db, h)
	return err == nil && row == nil
}

// errNoXorb is a row that is missing where another row says that there is one.
var errNoXorb = errors.New("no such xorb")

func (s *Store) readTrailer(ctx context.Context, h xet.Hash, off, n int64) (*xet.Index, error) {
	if n <= 0 || n > xet.MaxTrailer {
		return nil, fmt.Errorf("trailer of %d bytes: %w", n, xet.ErrCorrupt)
	}
	r, err := s.blobs.Open(ctx, xorbKey(h), off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	x, _, err := xet.ParseTrailer(b)
	if err == nil && x.Hash != h {
		err = fmt.Errorf("the blob is another xorb: %w", xet.ErrCorrupt)
	}
	return x, err
}

func (s *Store) findTrailer(ctx context.Context, h xet.Hash) (*xet.Index, error) {
	info, err := s.blobs.Stat(ctx, xorbKey(h))
	if err != nil {
		return nil, err
	}
	n := min(info.Size, xet.MaxTrailer)
	return s.readTrailer(ctx, h, info.Size-n, n)
}

// damaged logs what was found broken and makes an error of it that says nothing to the outside.
func (s *Store) damaged(what string, err error) error {
	if errors.Is(err, xet.ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF) || errs.Is(err, errs.NotFound) {
		s.log.Error("stored bytes are damaged", "what", what, "error", err)
		return fmt.Errorf("%s: %w", what, errors.Join(xet.ErrCorrupt, errors.New(err.Error())))
	}
	return err
}

// refused turns the engine's verdict on an upload into the caller's error.
func refused(err error) error {
	var e *xet.FormatError
	if errors.As(err, &e) {
		return &errs.Error{Kind: errs.Invalid, Msg: "Refused: " + err.Error()}
	}
	return err
}

func equalHash(b []byte, h xet.Hash) bool { return bytes.Equal(b, h[:]) }
