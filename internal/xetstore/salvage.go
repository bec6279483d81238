package xetstore

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// A xorb that cannot be made whole has chunks that can be read, and files that need no others. Salvage writes those
// chunks as a xorb of their own and has these files name it. What is left naming the damaged xorb lacks bytes.

// Affected is a file of a repository that is made of a damaged xorb.
type Affected struct {
	File
	Path string // what it was first committed as; empty: no commit named it yet
	Ref  string
}

// Affected lists the files that are made of a xorb, of all repositories, in the order of these and of hashes. It calls f
// for each, a page at a time.
func (s *Store) Affected(ctx context.Context, xorb xet.Hash, f func(Affected) error) error {
	err := s.eachUser(ctx, xorb, func(u *userRow) error { return f(u.affected()) })
	return errs.Wrap("xetstore.Affected", err)
}

// userRow is a file that is made of a xorb.
type userRow struct {
	storedRow
	RepoID   string
	Terms    []byte
	segments []xet.Segment
}

func (u *userRow) affected() Affected {
	return Affected{File: u.file(u.RepoID), Path: u.Path, Ref: u.Ref}
}

const userPage = 200

func (s *Store) eachUser(ctx context.Context, xorb xet.Hash, f func(*userRow) error) error {
	var repos []string
	if err := s.db.Select(ctx, &repos, selectReposOf, xorb[:]); err != nil {
		return err
	}
	for _, id := range repos {
		if err := s.eachUserIn(ctx, id, xorb, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) eachUserIn(ctx context.Context, repoID string, xorb xet.Hash, f func(*userRow) error) error {
	for after := []byte{}; ; {
		var page []userRow
		if err := s.db.Select(ctx, &page, selectMade, repoID, after, userPage); err != nil {
			return err
		}
		for i := range page {
			u := &page[i]
			var err error
			if u.segments, err = xet.DecodeTerms(u.Terms); err != nil {
				continue // that is other damage
			}
			u.RepoID = repoID
			if slices.ContainsFunc(u.segments, func(seg xet.Segment) bool { return seg.Xorb == xorb }) {
				if err := f(u); err != nil {
					return err
				}
			}
		}
		if len(page) < userPage {
			return nil
		}
		after = page[len(page)-1].Hash
	}
}

// Salvage gives the files that need only sound chunks of a damaged xorb a new one, and returns those that lack bytes. What
// it did stays done when it ends early, and is found done by the next.
func (m *Mend) Salvage(ctx context.Context, h xet.Hash, is Mended) (moved, lost []Affected, err error) {
	bad := map[int]bool{}
	for _, i := range is.Missing {
		bad[i] = true
	}
	var movable []*userRow
	err = m.s.eachUser(ctx, h, func(u *userRow) error {
		if is.Index == nil || needs(u.segments, h, bad, is.Index.NumChunks()) {
			lost = append(lost, u.affected())
			return nil
		}
		moved = append(moved, u.affected())
		movable = append(movable, u)
		return nil
	})
	if err != nil || len(movable) == 0 || m.dry {
		return moved, lost, errs.Wrap("xetstore.Salvage", err)
	}
	to, err := m.writeSalvage(ctx, h)
	if err != nil || to == nil {
		return nil, lost, errs.Wrap("xetstore.Salvage", err)
	}
	place := map[int]uint32{} // of the chunks that were kept
	for i := range is.Index.Chunks {
		if !bad[i] {
			place[i] = uint32(len(place))
		}
	}
	moved = nil
	for _, u := range movable {
		did, err := m.move(ctx, u, h, to, is.Index, place)
		if err != nil {
			return moved, lost, errs.Wrap("xetstore.Salvage", err)
		}
		if did {
			moved = append(moved, u.affected())
		}
	}
	return moved, lost, nil
}

// needs reports whether terms name chunks of a xorb that are bad, or that it does not have.
func needs(segments []xet.Segment, h xet.Hash, bad map[int]bool, chunks int) bool {
	for i := range segments {
		seg := &segments[i]
		if seg.Xorb != h {
			continue
		}
		if int(seg.End) > chunks || seg.Start >= seg.End {
			return true
		}
		for c := int(seg.Start); c < int(seg.End); c++ {
			if bad[c] {
				return true
			}
		}
	}
	return false
}

// writeSalvage stores the chunks of a xorb that are to be had; nil: it is gone.
func (m *Mend) writeSalvage(ctx context.Context, h xet.Hash) (*xet.Index, error) {
	parts, err := m.parts(ctx, h)
	if err != nil || parts == nil {
		return nil, err
	}
	defer parts.close()
	since := m.s.micros()
	up, err := m.s.blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	defer up.Abort()
	name, err := copyParts(parts, up)
	if err != nil {
		return nil, err
	}
	x, err := xet.VerifyXorb(io.NewSectionReader(up, 0, up.Size()), io.Discard, name)
	if err != nil {
		return nil, err
	}
	if _, err := up.Write(x.AppendTrailer(nil)); err != nil {
		return nil, err
	}
	return x, m.s.enlist(ctx, up, x, since)
}

// copyParts writes the chunks and returns the hash of the xorb that they make.
func copyParts(p *partList, w io.Writer) (xet.Hash, error) {
	if _, err := io.Copy(w, struct{ io.Reader }{p}); err != nil {
		return xet.Hash{}, err
	}
	bad := map[int]bool{}
	for _, i := range p.missing {
		bad[i] = true
	}
	var tree xet.Merkle
	for i, c := range p.index.Chunks {
		if !bad[i] {
			tree.Add(xet.Leaf{Hash: c.Hash, Size: p.index.RawLen(i, i+1)})
		}
	}
	return tree.XorbHash(), nil
}

// enlist makes an upload a xorb that nobody has sent: only who reads a repository that is made of it knows it.
func (s *Store) enlist(ctx context.Context, up blob.Upload, x *xet.Index, since int64) error {
	stored := up.Size()
	unlock, err := s.commits.Take(ctx, x.Hash)
	if err != nil {
		return err
	}
	defer unlock()
	anew, err := s.commitBody(ctx, up, x.Hash)
	if err != nil {
		return err
	}
	var chunks []chunkRow
	for i, c := range x.Chunks {
		if i == 0 || xet.GlobalDedupEligible(c.Hash) {
			chunks = append(chunks, chunkRow{c.Hash, x.Hash})
		}
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		now := s.micros()
		if !anew {
			n, err := touchXorbs(ctx, tx, []xet.Hash{x.Hash}, now)
			if err == nil && n == 0 {
				err = collected()
			}
			return err
		}
		rows := []xorbRow{newXorbRow(x, stored, now)}
		if err := checkGraves(ctx, tx, rows, since); err != nil {
			return err
		}
		if err := insertXorbs(ctx, tx, rows); err != nil {
			return err
		}
		return insertChunks(ctx, tx, uniqueChunks(chunks))
	})
}

// move has a file name the new xorb wherever it named the old one, if it still is what it was when it was looked at. It
// reports whether it has.
func (m *Mend) move(ctx context.Context, u *userRow, from xet.Hash, to, was *xet.Index, place map[int]uint32) (did bool, err error) {
	segments := slices.Clone(u.segments)
	for i := range segments {
		seg := &segments[i]
		if seg.Xorb != from {
			continue
		}
		start, end := int(seg.Start), int(seg.End)
		seg.Xorb, seg.Start, seg.End = to.Hash, place[start], place[end-1]+1
		if int(seg.End) > to.NumChunks() || to.RangeHash(int(seg.Start), int(seg.End)) != was.RangeHash(start, end) {
			return false, m.s.damaged("salvage of xorb "+from.String(), xet.ErrCorrupt)
		}
	}
	file := xet.Hash(u.Hash)
	err = m.s.db.Tx(ctx, func(tx *db.Tx) error {
		did = false // it may run twice
		now, found, err := getTerms(ctx, tx, u.RepoID, file)
		if err != nil || !found || !bytes.Equal(now, u.Terms) {
			return err // sent anew, or removed, meanwhile
		}
		if n, err := touchXorbs(ctx, tx, []xet.Hash{to.Hash}, m.s.micros()); err != nil || n == 0 {
			if err == nil {
				err = collected()
			}
			return err
		}
		if _, err := tx.Exec(ctx, updateTerms, xet.EncodeTerms(segments), u.RepoID, file[:]); err != nil {
			return err
		}
		if err := insertRepoXorbs(ctx, tx, u.RepoID, []xet.Hash{to.Hash}); err != nil {
			return err
		}
		tx.AfterCommit(func() { m.s.terms.Remove(termsKey{u.RepoID, file}) })
		unused, err := m.s.unusedXorbs(ctx, tx, u.RepoID, map[xet.Hash][]byte{file: now})
		if err != nil {
			return err
		}
		did = true
		return unlinkXorbs(ctx, tx, u.RepoID, unused)
	})
	return did && err == nil, err
}

// Tombstone gives the missing bytes of a damaged xorb up as lost: readers of the files that need them are told so. It
// reports whether that is new. Bytes that come after all lift it.
func (s *Store) Tombstone(ctx context.Context, h xet.Hash) (bool, error) {
	var n int64
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, updateLost, s.micros(), h[:])
		return err
	})
	s.hurt.forget()
	return n > 0, errs.Wrap("xetstore.Tombstone", err)
}

// IsLost reports whether bytes of a file were given up as lost.
func (s *Store) IsLost(ctx context.Context, f File) (bool, error) {
	if some, err := s.isHurt(ctx); err != nil || !some {
		return false, errs.Wrap("xetstore.IsLost", err)
	}
	damaged, err := s.DamagedFiles(ctx, nil, f.RepoID, []xet.Hash{f.Hash})
	return damaged[f.Hash].Lost, err
}

// LostAmong are those of some SHA-256s whose bytes a repository has lost.
func (s *Store) LostAmong(ctx context.Context, files map[hub.SHA256]File) (map[hub.SHA256]bool, error) {
	if some, err := s.isHurt(ctx); err != nil || !some || len(files) == 0 {
		return nil, errs.Wrap("xetstore.LostAmong", err)
	}
	lost := map[hub.SHA256]bool{}
	byRepo := map[string][]xet.Hash{}
	for _, f := range files {
		byRepo[f.RepoID] = append(byRepo[f.RepoID], f.Hash)
	}
	for id, hashes := range byRepo {
		damaged, err := s.DamagedFiles(ctx, nil, id, hashes)
		if err != nil {
			return nil, err
		}
		for sha, f := range files {
			if f.RepoID == id && damaged[f.Hash].Lost {
				lost[sha] = true
			}
		}
	}
	return lost, nil
}

// ErrLost is what a reader of lost bytes is told.
func ErrLost(name string) error {
	return errs.New(errs.Gone, "The stored bytes of %s were damaged and could not be restored. Whoever has the file can upload it again, which repairs it.", name)
}

// DamagedXorb is a xorb that is known to be damaged.
type DamagedXorb struct {
	Hash  xet.Hash
	Since int64 // unix microseconds
	Lost  bool
}

// DamagedXorbs lists damaged xorbs in the order of their hashes, up to limit of them after one, empty for the first page.
func (s *Store) DamagedXorbs(ctx context.Context, after []byte, limit int) ([]DamagedXorb, error) {
	if after == nil {
		after = []byte{}
	}
	var rows []damageRow
	if err := s.db.Select(ctx, &rows, selectDamaged, after, limit); err != nil {
		return nil, errs.Wrap("xetstore.DamagedXorbs", err)
	}
	out := make([]DamagedXorb, len(rows))
	for i, r := range rows {
		out[i] = DamagedXorb{xet.Hash(r.Hash), r.DamagedAt, r.LostAt != nil}
	}
	return out, nil
}
