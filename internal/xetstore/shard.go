package xetstore

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// unknownXorb is the one answer for a xorb that does not exist and for one that the scope does not know.
const unknownXorb = "Refused: the shard refers to a xorb that is not known here. Upload it first; if this goes on, delete the client's Xet cache."

// PutShard registers the files of a shard for the scope's repository, all of them or none. It verifies that
//   - every xorb that the shard names is known to the scope: sent by the user, or part of a repository that they may read;
//   - listings of xorbs are those stored, and each file is what its hash says, by someone who has its chunk hashes;
//   - a claimed SHA-256 is the one of the bytes, which are read for it unless the scope may read a file that had it.
//
// A repository that has a file already keeps it as it is, unless its bytes are damaged. What others have makes no difference, but for the space it takes.
//
// progress, if not nil, is called with bytes hashed, first with 0 when only the hashing is left to do; one call at a time. What the
// client got wrong is errs.Invalid; when too many others are verified, it is errs.Unavailable.
func (s *Store) PutShard(ctx context.Context, sc Scope, r io.Reader, progress func(done, total int)) error {
	if err := sc.checkSender(); err != nil {
		return err
	}
	return errs.Wrap("xetstore.PutShard", s.putShard(ctx, sc, r, progress))
}

func (s *Store) putShard(ctx context.Context, sc Scope, r io.Reader, progress func(done, total int)) error {
	lease := s.parsing.lease(r)
	defer lease.end()
	shard, err := xet.ParseShard(lease, xet.MaxShard)
	if err != nil {
		return refused(err)
	}
	if err := s.shards.TakeWithin(ctx, s.wait, errBusy()); err != nil {
		return err
	}
	defer s.shards.Give()
	reg, claims, err := s.verifyShard(ctx, sc, shard)
	if err == nil {
		err = s.verifyClaims(ctx, sc, claims, progress)
	}
	if errors.Is(err, errNoXorb) || errors.Is(err, xet.ErrCorrupt) {
		if again := s.checkKnown(ctx, sc, shard); errs.Is(again, errs.Invalid) {
			return collected()
		}
	}
	if err != nil {
		return err
	}
	return s.record(ctx, sc.RepoID, reg, nil)
}

// verifyShard checks all that can be checked without reading the files, and returns what to write.
func (s *Store) verifyShard(ctx context.Context, sc Scope, shard *xet.Shard) (*registration, []claim, error) {
	if err := s.checkKnown(ctx, sc, shard); err != nil {
		return nil, nil, err
	}
	index := s.indexFor(ctx)
	reg := &registration{}
	for i := range shard.Xorbs {
		info := &shard.Xorbs[i]
		x, err := index(info.Hash)
		if err == nil {
			err = refused(xet.VerifyXorbInfo(info, x))
		}
		if err != nil {
			return nil, nil, err
		}
		reg.eligible(info)
	}
	var claims []claim
	seen := map[xet.Hash]int{}
	for i := range shard.Files {
		f := &shard.Files[i]
		if at, again := seen[f.Hash]; again && sameClaim(&shard.Files[at], f) {
			continue
		}
		size, err := xet.VerifyFile(f, index)
		if err != nil {
			return nil, nil, refused(err)
		}
		if _, again := seen[f.Hash]; !again {
			seen[f.Hash] = i
			if err := reg.addFile(f, int64(size), index); err != nil {
				return nil, nil, err
			}
		}
		if f.SHA256 != nil {
			reg.claim(f)
			claims = append(claims, claim{File{RepoID: sc.RepoID, Hash: f.Hash, Size: int64(size), SHA256: *f.SHA256}, f.Segments})
		}
	}
	return reg, claims, nil
}

// sameClaim: the same file twice in a shard is legal, and says nothing new unless it claims another SHA-256.
func sameClaim(a, b *xet.File) bool {
	return b.SHA256 == nil || a.SHA256 != nil && *a.SHA256 == *b.SHA256
}

// checkKnown refuses xorbs that the scope does not know, whether or not they exist.
func (s *Store) checkKnown(ctx context.Context, sc Scope, shard *xet.Shard) error {
	named := map[xet.Hash]bool{}
	for i := range shard.Xorbs {
		named[shard.Xorbs[i].Hash] = true
	}
	for i := range shard.Files {
		for j := range shard.Files[i].Segments {
			named[shard.Files[i].Segments[j].Xorb] = true
		}
	}
	list := make([]xet.Hash, 0, len(named))
	for h := range named {
		list = append(list, h)
	}
	known, err := s.visible(ctx, s.db, sc, list)
	if err == nil && len(known) < len(list) {
		err = errs.New(errs.Invalid, unknownXorb)
	}
	return err
}

// registration is what a verified upload writes.
type registration struct {
	files   []fileRow
	chunks  []chunkRow
	xorbs   []xorbRow  // new ones, of the server's own making
	had     []xet.Hash // xorbs that the user sent once more
	senders []string   // who sent them
	since   int64      // when the first blob of xorbs may have been stored, in microseconds
	renew   bool       // some files may be there of damaged xorbs: see renewTerms
}

// eligible notes the chunks of a xorb by which others may find it: those that clients ask for, and the first, by which
// the server itself finds the xorb that follows another.
func (g *registration) eligible(info *xet.XorbInfo) {
	for i := range info.Chunks {
		c := &info.Chunks[i]
		if i == 0 || c.Flags&xet.ChunkGlobalDedup != 0 || xet.GlobalDedupEligible(c.Hash) {
			g.chunks = append(g.chunks, chunkRow{c.Hash, info.Hash})
		}
	}
}

// maxNeighbours is to how many xorbs of a file its first chunk leads.
const maxNeighbours = 16

// addFile notes a verified file. Its first chunk leads to its first xorbs, so that the first question of a client that
// has another version of the file brings it most of what it needs.
func (g *registration) addFile(f *xet.File, size int64, index func(xet.Hash) (*xet.Index, error)) error {
	g.files = append(g.files, fileRow{Hash: f.Hash[:], Size: size, terms: xet.EncodeTerms(f.Segments)})
	if len(f.Segments) == 0 {
		return nil
	}
	first := &f.Segments[0]
	x, err := index(first.Xorb)
	if err != nil {
		return err
	}
	g.lead(x.Chunks[first.Start].Hash, f.Segments)
	return nil
}

func (g *registration) lead(first xet.Hash, segments []xet.Segment) {
	var to []xet.Hash
	for i := 0; i < len(segments) && len(to) < maxNeighbours; i++ {
		if h := segments[i].Xorb; !slices.Contains(to, h) {
			to = append(to, h)
			g.chunks = append(g.chunks, chunkRow{first, h})
		}
	}
}

func (g *registration) claim(f *xet.File) {
	for i := range g.files {
		if equalHash(g.files[i].Hash, f.Hash) {
			g.files[i].SHA256 = f.SHA256[:]
		}
	}
}

// byteBudget bounds the memory of shards that are being read. The first part of each is free, so that small ones always
// get through; nobody waits, since slow clients would then hold up all others.
type byteBudget struct{ used atomic.Int64 }

const (
	freeShardBytes  = 1 << 20
	totalShardBytes = 192 << 20
)

type byteLease struct {
	r          io.Reader
	budget     *byteBudget
	read, held int64
}

func (b *byteBudget) lease(r io.Reader) *byteLease { return &byteLease{r: r, budget: b} }

func (l *byteLease) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.read += int64(n)
	if more := l.read - freeShardBytes - l.held; more > 0 {
		l.held += more
		if l.budget.used.Add(more) > totalShardBytes {
			return 0, errs.New(errs.Unavailable, "Too many large shards are being read at this moment. Try again.")
		}
	}
	return n, err
}

func (l *byteLease) end() {
	l.budget.used.Add(-l.held)
	l.held = 0
}
