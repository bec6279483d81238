package xetstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"hash"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// partSum is SHA-256 over the first parts of an upload. chain names those parts, so that a sum is not taken for that of
// others when a part is sent again.
type partSum struct {
	chain [32]byte
	hash  hash.Hash
}

func newPartSum() *partSum { return &partSum{hash: sha256.New()} }

// add says that the bytes of the part with a tag have been hashed.
func (p *partSum) add(tag xet.Hash) {
	if p != nil {
		p.chain = chainOf(p.chain, tag[:])
	}
}

func chainOf(before [32]byte, tag []byte) [32]byte {
	return sha256.Sum256(append(before[:], tag...))
}

// encode is what a row keeps of the sum; nothing of no sum.
func (p *partSum) encode() (chain, state []byte, err error) {
	if p == nil {
		return nil, nil, nil
	}
	state, err = p.hash.(encoding.BinaryMarshaler).MarshalBinary()
	return p.chain[:], state, err
}

func decodePartSum(chain, state []byte) (*partSum, error) {
	p := newPartSum()
	copy(p.chain[:], chain)
	return p, p.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// sumBefore returns the sum over all parts before one, nil while it is not known.
func (s *Store) sumBefore(ctx context.Context, p Part) (*partSum, error) {
	if p.Number == 1 {
		return newPartSum(), nil
	}
	sum, err := s.loadSum(ctx, p.Upload, p.Number-1)
	if db.IsNoRows(err) {
		return nil, nil
	}
	return sum, err
}

// loadSum reads the sum that ends with a part, in one query: a sum and the name of what it is of must not come from two
// states of a part that is being sent again.
func (s *Store) loadSum(ctx context.Context, upload string, number int) (*partSum, error) {
	var row struct{ Chain, Sum []byte }
	if err := s.db.Get(ctx, &row, selectPartSum, upload, number); err != nil {
		return nil, err
	}
	return decodePartSum(row.Chain, row.Sum)
}

// summed is how many of the first parts have a known sum, and the chain of those.
func summed(parts []partRow) (n int) {
	var chain [32]byte
	for i := range parts {
		if parts[i].Number != i+1 {
			break
		}
		if chain = chainOf(chain, parts[i].Tag); bytes.Equal(chain[:], parts[i].Chain) {
			n = i + 1
		}
	}
	return n
}

// sumAhead hashes parts that are here and came before the one ahead of them was known, as far as that does not take long.
// What it does not do, completion does; so nobody needs to hear of a failure, nor wait for another who is at it.
func (s *Store) sumAhead(ctx context.Context, upload string) {
	leave, ok := s.summing.Try(upload)
	if !ok {
		return
	}
	defer leave()
	var parts []partRow
	if s.db.Select(ctx, &parts, selectParts, upload, MaxParts) != nil {
		return
	}
	n := summed(parts)
	_, _ = s.sumParts(ctx, upload, parts[:min(runOfParts(parts), n+sumsAhead)])
}

// runOfParts is how many of the first parts are there without a gap.
func runOfParts(parts []partRow) (n int) {
	for n < len(parts) && parts[n].Number == n+1 {
		n++
	}
	return n
}

// sumParts returns SHA-256 over the parts, which are those from the first on, reading no more bytes than it must. Each sum
// that it finds is kept, so that a completion that is cut off goes on from there.
func (s *Store) sumParts(ctx context.Context, upload string, parts []partRow) (sum hub.SHA256, err error) {
	n, p := summed(parts), newPartSum()
	if n > 0 {
		p, err = s.loadSum(ctx, upload, parts[n-1].Number)
		if db.IsNoRows(err) || err == nil && !bytes.Equal(p.chain[:], parts[n-1].Chain) {
			err = errPartChanged()
		}
		if err != nil {
			return sum, err
		}
	}
	for _, part := range parts[n:] {
		segments, err := partTerms(ctx, s.db, upload, part)
		if err != nil {
			return sum, err
		}
		if err := s.stream(ctx, p.hash, true, segments, 0, part.Size); err != nil {
			return sum, err
		}
		p.add(xet.Hash(part.Tag))
		chain, state, err := p.encode()
		if err != nil {
			return sum, err
		}
		if _, err := s.db.Exec(ctx, updatePartSum, chain, state, upload, part.Number, part.Tag); err != nil {
			return sum, err
		}
	}
	return hub.SHA256(p.hash.Sum(nil)), nil
}
