package xetstore

import (
	"context"
	"hash"
	"io"
	"slices"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// An upload in parts. Each part is cut and stored as it arrives, in any order, on any node, as if it were a file; the rows
// say what each is made of. Completing the upload then takes no bytes but those around the borders of parts, which are cut
// once more, and the sum of those parts that came before the one ahead of them: see CompleteParts.

// Part is one part of an upload.
type Part struct {
	Upload string // the id that its parts share, made by the caller
	Number int    // from 1 to MaxParts
	Size   int64  // of this part
}

// PartTag is what a client gets for a part and gives back when it has sent all of them.
type PartTag struct {
	Number int
	Tag    string
}

const (
	// MaxParts bounds the parts of an upload.
	MaxParts = 10_000
	// maxUnfinished bounds the parts that a user may have in unfinished uploads.
	maxUnfinished = 100_000
	// sumsAhead is how many parts that came too early are summed up after one that did not: one would be enough to keep
	// up, two let it catch up, and neither makes the client wait for long.
	sumsAhead = 2
)

// PutPart stores a part and returns its tag. Equal bytes have equal tags. A part that comes again replaces the one before.
// It waits for a turn as PutXorb does. A body that is not exactly as long as stated is errs.Invalid and leaves no row behind.
func (s *Store) PutPart(ctx context.Context, sc Scope, p Part, r io.Reader) (tag string, err error) {
	if p.Upload == "" || p.Number < 1 || p.Number > MaxParts || p.Size < 1 {
		return "", errs.New(errs.Invalid, "An upload has 1 to %d parts of at least a byte", MaxParts)
	}
	if err := sc.checkSender(); err != nil {
		return "", err
	}
	leave, err := s.enterUpload(ctx, sc.UserID, s.wait)
	if err != nil {
		return "", err
	}
	defer leave()
	if err := s.checkUnfinished(ctx, sc.UserID); err != nil {
		return "", err
	}
	h, err := s.putPart(ctx, sc, p, r)
	if err != nil {
		return "", errs.Wrap("xetstore.PutPart", err)
	}
	s.sumAhead(ctx, p.Upload)
	return h.String(), nil
}

// checkUnfinished refuses more to who has left too much lying about: parts, and xorbs that no file was made of. What
// somebody else sent before is stored once, and counts as theirs.
func (s *Store) checkUnfinished(ctx context.Context, userID string) error {
	var n struct{ Stored, Parts int64 }
	var pending int64
	err := s.db.Get(ctx, &n, selectUnfinished, userID)
	if err == nil {
		err = s.db.Get(ctx, &pending, selectPending, userID)
	}
	if err != nil {
		return errs.Wrap("xetstore.checkUnfinished", err)
	}
	if n.Stored+pending >= s.maxUnfinished || n.Parts >= maxUnfinished {
		return errs.New(errs.PaymentRequired, "Your unfinished uploads take %d bytes in %d parts, which is all that they may. Finish them, or wait until they are removed.", n.Stored+pending, n.Parts)
	}
	return nil
}

func (s *Store) putPart(ctx context.Context, sc Scope, p Part, r io.Reader) (tag xet.Hash, err error) {
	sum, err := s.sumBefore(ctx, p)
	if err != nil {
		return tag, err
	}
	in := newIngest(ctx, s, sc)
	defer in.abort()
	want := Expect{Size: p.Size}
	var h hash.Hash
	if sum != nil {
		h = sum.hash
	}
	if err = in.read(bounded(r, want), h); err == nil {
		err = want.check(in.size, hub.SHA256{})
	}
	if err == nil {
		err = in.finishXorb()
	}
	if err != nil {
		return tag, err
	}
	tag = in.tree.FileHash()
	sum.add(tag)
	return tag, s.db.Tx(ctx, func(tx *db.Tx) error { return s.recordPart(ctx, tx, sc, p, in, tag, sum) })
}

// recordPart writes the rows of a part. Its chunks are told to nobody who asks for known ones before the upload is
// complete: until then its xorbs may go away.
func (s *Store) recordPart(ctx context.Context, tx *db.Tx, sc Scope, p Part, in *ingest, tag xet.Hash, sum *partSum) error {
	now := s.micros()
	reg := &registration{xorbs: in.rows, had: in.had, senders: sc.senders(), since: in.since}
	if err := s.registerXorbs(ctx, tx, reg, now); err != nil {
		return err
	}
	var stored int64
	came := slices.Clone(in.had)
	for i := range in.rows {
		came = append(came, xet.Hash(in.rows[i].Hash))
		stored += in.rows[i].StoredSize
	}
	// What the part is made of besides, others have sent: the upload counts on that as well.
	var named []xet.Hash
	segments := in.segments()
	for i := range segments {
		named = append(named, segments[i].Xorb)
	}
	named = unique(named)
	n, err := touchXorbs(ctx, tx, named, now)
	if err != nil {
		return err
	}
	if n != int64(len(named)) {
		return collected()
	}
	if err := insertPartXorbs(ctx, tx, p.Upload, unique(append(came, named...))); err != nil {
		return err
	}
	chain, state, err := sum.encode()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, upsertPart, p.Upload, p.Number, sc.UserID, tag[:], p.Size, stored, nonNil(xet.EncodeTerms(segments)), chain, state, now)
	return err
}

func errPartChanged() error {
	return errs.New(errs.Conflict, "A part of the upload was sent again while it was being completed. Complete it once more.")
}
