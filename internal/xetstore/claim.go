package xetstore

import (
	"context"
	"hash"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// claim is a SHA-256 that a client states for a file, whose chunks are verified already.
type claim struct {
	file     File
	segments []xet.Segment
}

var errFalseClaim = errs.New(errs.Invalid, "Refused: the content of a file does not have the SHA-256 that the shard states for it.")

// verifyClaims makes sure that every stated SHA-256 is true: by what was found out before, or by reading the bytes. Of
// a file that the scope may not read nothing was found out, or the time and the progress would tell that it is here.
func (s *Store) verifyClaims(ctx context.Context, sc Scope, claims []claim, progress func(done, total int)) error {
	open, err := s.openClaims(ctx, sc, claims)
	if err != nil {
		return err
	}
	who := sc.run()
	hashed := s.aheads.end(ctx, who)
	var used atomic.Int64
	p := &progressMeter{report: progress}
	for i := range open {
		p.total += int(open[i].file.Size)
	}
	p.add(0)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(s.hashes))
	for i := range open {
		g.Go(func() error {
			if err := s.hashes.Take(ctx); err != nil {
				return err
			}
			defer s.hashes.Give()
			sum, begun, err := s.hashFile(ctx, who, open[i].segments, p)
			used.Add(begun)
			if err == nil && sum != open[i].file.SHA256 {
				err = errFalseClaim
			}
			return err
		})
	}
	err = g.Wait()
	s.aheads.learn(who, hashed, used.Load())
	return err
}

// openClaims leaves out those whose file was hashed before, and refuses what contradicts it.
func (s *Store) openClaims(ctx context.Context, sc Scope, claims []claim) (open []claim, err error) {
	hashes := make([]xet.Hash, len(claims))
	for i := range claims {
		hashes[i] = claims[i].file.Hash
	}
	stored, err := selectHashed(ctx, s.db, sc, unique(hashes))
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		sum, ok := stored[c.file.Hash]
		switch {
		case !ok:
			open = append(open, c)
		case sum != c.file.SHA256:
			return nil, errFalseClaim
		}
	}
	return open, nil
}

// hashFile reads a file that may not have a row yet. begun is how many of its bytes had been hashed before: while they came, or
// as the beginning of another version.
func (s *Store) hashFile(ctx context.Context, who runKey, segments []xet.Segment, p *progressMeter) (sum hub.SHA256, begun int64, err error) {
	known, n := s.aheads.longest(who, segments)
	begun = known.bytes
	p.add(int(begun))
	h := &meteredHash{Hash: known.hash, meter: p}
	for segments = segments[n:]; len(segments) > 0; segments = segments[n:] {
		var bytes int64
		for n = 0; n < len(segments) && bytes < sumEvery; n++ {
			bytes += int64(segments[n].UnpackedBytes)
			known.key = known.key.then(&segments[n])
		}
		if err := s.stream(ctx, h, true, segments[:n], 0, bytes); err != nil {
			return sum, begun, err
		}
		if known.bytes += bytes; known.bytes >= sumLeast {
			s.aheads.keep(&known)
		}
	}
	p.add(h.n)
	h.Sum(sum[:0])
	return sum, begun, nil
}

// meteredHash tells from time to time how much it has hashed.
type meteredHash struct {
	hash.Hash
	meter *progressMeter
	n     int // not told yet
}

func (h *meteredHash) Write(b []byte) (int, error) {
	if h.n += len(b); h.n >= 1<<20 {
		h.meter.add(h.n)
		h.n = 0
	}
	return h.Hash.Write(b)
}

// progressMeter adds up what several goroutines have done.
type progressMeter struct {
	report      func(done, total int)
	mu          sync.Mutex
	done, total int
}

func (p *progressMeter) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.report != nil {
		p.report(p.done, p.total)
	}
}
