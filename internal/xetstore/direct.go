package xetstore

import (
	"context"
	"fmt"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// Direct makes URLs by which clients fetch ranges of xorbs from the store themselves. What they get so is not checked here.
type Direct struct {
	store   *Store
	presign blob.Presigner
	from    time.Time
	ttl     time.Duration
	hurt    map[xet.Hash]damageRow
}

// Direct prepares URLs for xorbs that hold from a time on for a while; nil if the store makes none.
func (s *Store) Direct(ctx context.Context, plan *xet.Reconstruction, from time.Time, ttl time.Duration) (*Direct, error) {
	p, ok := s.blobs.(blob.Presigner)
	if !ok {
		return nil, nil
	}
	d := &Direct{store: s, presign: p, from: from, ttl: ttl}
	some, err := s.isHurt(ctx)
	if err != nil || !some {
		return d, errs.Wrap("xetstore.Direct", err)
	}
	xorbs := make([]xet.Hash, len(plan.Xorbs))
	for i := range plan.Xorbs {
		xorbs[i] = plan.Xorbs[i].Xorb
	}
	d.hurt, err = damagedOf(ctx, s.db, unique(xorbs))
	return d, errs.Wrap("xetstore.Direct", err)
}

// URL is that of n bytes of a xorb's body from off, and of no others. It is empty for a xorb that is damaged: there the
// hub itself has to see which of the bytes are well.
func (d *Direct) URL(ctx context.Context, hash xet.Hash, off, n int64) (string, error) {
	if _, damaged := d.hurt[hash]; damaged {
		return "", nil
	}
	x, err := d.store.index(ctx, hash)
	if err != nil {
		return "", errs.Wrap("xetstore.Direct", err)
	}
	if off < 0 || n <= 0 || off > x.BodyLen() || n > x.BodyLen()-off { // the index behind the body is for nobody
		return "", fmt.Errorf("no URL for %d bytes from %d of xorb %s", n, off, hash)
	}
	url, err := d.presign.Presign(ctx, xorbKey(hash), off, n, d.from, d.ttl)
	return url, errs.Wrap("xetstore.Direct", err)
}
