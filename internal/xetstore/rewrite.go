package xetstore

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/xet"
)

// A xorb lives as long as one file is made of one of its chunks. What is left of it when most files have gone may be little, so
// the chunks that files still name are written as a xorb of their own, the files name that one, and the old one is collected like
// any other. A file's hash stays: its terms change only where its chunks are.
//
//   - Only one old xorb goes into a new one. A xorb is the unit of possession: who may read a repository that is made of it may
//     build on all of it, so chunks of different repositories must not come together that were not.
//   - Each file is moved in a transaction that reads its terms again. One that names a chunk which is not in the new xorb, because
//     it came meanwhile, stays with the old one, which then lives on.
//   - The old xorb is touched into the future when a file leaves it, so that its blob outlives all lists of terms that nodes
//     remember (termsLife).

const (
	// thinAtOnce bounds the xorbs for which the terms of repositories are read once.
	thinAtOnce = 100
	// maxMoved bounds the files that are moved from one xorb, movedAtOnce those of one transaction.
	maxMoved    = 10_000
	movedAtOnce = 100
	// oldLives is for how long the old xorb stays at least; termsLife is for how long a node remembers a list of terms.
	oldLives  = 24 * time.Hour
	termsLife = 12 * time.Hour
)

// Rewritten counts xorbs that were written again.
type Rewritten struct {
	Xorbs         int
	Before, After int64 // bytes of the old ones and of the new ones
}

// thin is a xorb of which files went away.
type thin struct {
	hash  xet.Hash
	size  int64
	live  map[int]bool          // chunks that files name
	files map[string][]xet.Hash // which, by repository
	n     int
}

// RewriteThin writes those xorbs again of which files went away, that nobody touched for as long as keep, and of which files name
// less than a part (Options.RewriteBelow).
func (s *Store) RewriteThin(ctx context.Context, keep time.Duration) (done Rewritten, err error) {
	if s.rewriteBelow < 0 {
		return done, nil
	}
	before := s.now().Add(-keep).UnixMicro()
	for after := []byte{}; ; {
		var rows []oldXorb
		if err := s.db.Select(ctx, &rows, selectThin, after, before, thinAtOnce); err != nil || len(rows) == 0 {
			return done, errs.Wrap("xetstore.RewriteThin", err)
		}
		list, err := s.lookThin(ctx, rows)
		if err != nil {
			return done, errs.Wrap("xetstore.RewriteThin", err)
		}
		for _, t := range list {
			n, err := s.rewrite(ctx, t)
			if err != nil {
				if ctx.Err() != nil {
					return done, ctx.Err()
				}
				s.log.Warn("a xorb was not written again", "xorb", t.hash, "error", err) // it stays as it is
				continue
			}
			if n > 0 {
				done.Xorbs, done.Before, done.After = done.Xorbs+1, done.Before+t.size, done.After+n
			}
		}
		after = rows[len(rows)-1].Hash
	}
}

// lookThin finds what files name of some xorbs: it reads the terms of each repository that is made of one of them once.
func (s *Store) lookThin(ctx context.Context, rows []oldXorb) ([]*thin, error) {
	byHash := map[xet.Hash]*thin{}
	list := make([]*thin, len(rows))
	for i := range rows {
		h := xet.Hash(rows[i].Hash)
		list[i] = &thin{hash: h, size: rows[i].StoredSize, live: map[int]bool{}, files: map[string][]xet.Hash{}}
		byHash[h] = list[i]
	}
	query, args, err := db.In(selectThinRepos, keysOf(rows))
	if err != nil {
		return nil, err
	}
	var repos []string
	if err := s.db.Select(ctx, &repos, query, args...); err != nil {
		return nil, err
	}
	for _, id := range repos {
		if err := s.eachFile(ctx, id, func(file xet.Hash, segments []xet.Segment) {
			for i := range segments {
				if t := byHash[segments[i].Xorb]; t != nil {
					t.add(id, file, &segments[i])
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t *thin) add(repoID string, file xet.Hash, seg *xet.Segment) {
	for i := seg.Start; i < seg.End && i < xet.MaxXorbChunks; i++ {
		t.live[int(i)] = true
	}
	if files := t.files[repoID]; len(files) == 0 || files[len(files)-1] != file {
		t.files[repoID] = append(files, file)
		t.n++
	}
}

// eachFile calls f with the terms of each file of a repository.
func (s *Store) eachFile(ctx context.Context, repoID string, f func(xet.Hash, []xet.Segment)) error {
	rows, err := s.db.Query(ctx, selectFileTerms, repoID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var file, terms []byte
		if err := rows.Scan(&file, &terms); err != nil {
			return err
		}
		segments, err := xet.DecodeTerms(terms)
		if err != nil {
			return s.damaged("terms of file "+xet.Hash(file).String(), err)
		}
		f(xet.Hash(file), segments)
	}
	return rows.Err()
}

// rewrite writes one xorb again if that is worth it, and returns the bytes of the new one; 0: it was not.
func (s *Store) rewrite(ctx context.Context, t *thin) (size int64, err error) {
	x, err := s.index(ctx, t.hash)
	if err != nil {
		return 0, err
	}
	var named int64
	for i := range t.live {
		if i >= x.NumChunks() {
			return 0, s.damaged("terms of a file", fmt.Errorf("chunk %d of xorb %s: %w", i, t.hash, xet.ErrCorrupt))
		}
		_, n := x.PhysRange(i, i+1)
		named += n
	}
	// All of its chunks make the same xorb again: the files would be moved to where they are, and nothing led to it any more.
	if named == 0 || len(t.live) == x.NumChunks() || named*100 >= x.BodyLen()*s.rewriteBelow || t.n > maxMoved {
		return 0, s.forgetThin(ctx, t.hash) // until more files go
	}
	to, place, size, err := s.writeLive(ctx, t, x)
	if err != nil {
		return 0, err
	}
	m := &moving{s: s, from: x, to: to, place: place}
	for _, id := range slices.Sorted(maps.Keys(t.files)) {
		for some := range slices.Chunk(t.files[id], movedAtOnce) {
			if err := s.db.Tx(ctx, func(tx *db.Tx) error { return m.move(ctx, tx, id, some) }); err != nil {
				return 0, err
			}
		}
	}
	return size, s.forgetThin(ctx, t.hash)
}

func (s *Store) forgetThin(ctx context.Context, h xet.Hash) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return execIn(ctx, tx, deleteThin, [][]byte{h[:]}) })
}

// writeLive stores the chunks of a xorb that files name as one of their own. Each is hashed again on its way.
func (s *Store) writeLive(ctx context.Context, t *thin, x *xet.Index) (to *xet.Index, place map[int]uint32, size int64, err error) {
	since := s.micros()
	up, err := s.blobs.Create(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	defer up.Abort()
	w := xet.NewXorbWriter(up)
	live := slices.Sorted(maps.Keys(t.live))
	place = make(map[int]uint32, len(live))
	for len(live) > 0 {
		n := 1
		for n < len(live) && live[n] == live[n-1]+1 {
			n++
		}
		if err := s.copyChunks(ctx, w, x, live[0], live[0]+n, place); err != nil {
			_, _ = w.Finish()
			return nil, nil, 0, err
		}
		live = live[n:]
	}
	if to, err = w.Finish(); err != nil {
		return nil, nil, 0, err
	}
	if _, err := up.Write(to.AppendTrailer(nil)); err != nil {
		return nil, nil, 0, err
	}
	return to, place, up.Size(), s.enlist(ctx, up, to, since)
}

// copyChunks adds the chunks [start, end) of a xorb to another.
func (s *Store) copyChunks(ctx context.Context, w *xet.XorbWriter, x *xet.Index, start, end int, place map[int]uint32) error {
	off, n := x.PhysRange(start, end)
	in, err := s.blobs.Open(ctx, xorbKey(x.Hash), off, n)
	if err != nil {
		return err
	}
	defer in.Close()
	r := xet.NewChunkReader(struct{ io.Reader }{in}, x, start, end)
	defer r.Close()
	for i := start; i < end; i++ {
		chunk, err := r.Next()
		if err != nil {
			return err
		}
		h := xet.ChunkHash(chunk)
		if h != x.Chunks[i].Hash {
			return fmt.Errorf("chunk %d of xorb %s: %w", i, x.Hash, xet.ErrCorrupt)
		}
		at, full := w.Add(chunk, h)
		if full {
			return fmt.Errorf("xorb %s: more than fits: %w", x.Hash, xet.ErrCorrupt)
		}
		place[i] = uint32(at)
	}
	return w.Err()
}

// moving has files name another xorb for chunks that both have.
type moving struct {
	s        *Store
	from, to *xet.Index
	place    map[int]uint32 // in to, of chunks of from
}

// move changes the terms of some files of a repository, as they are now.
func (m *moving) move(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) error {
	lists, err := selectTermLists(ctx, tx, repoID, files)
	if err != nil {
		return err
	}
	var rows []fileRow
	for _, h := range files {
		segments, err := xet.DecodeTerms(lists[h])
		if err != nil {
			return m.s.damaged("terms of file "+h.String(), err)
		}
		if m.translate(segments) {
			rows = append(rows, fileRow{Hash: h[:], terms: xet.EncodeTerms(segments)})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	now := m.s.now()
	if n, err := touchXorbs(ctx, tx, []xet.Hash{m.to.Hash}, now.UnixMicro()); err != nil || n == 0 {
		if err == nil {
			err = collected()
		}
		return err
	}
	if err := replaceTerms(ctx, tx, repoID, rows, now.UnixMicro()); err != nil {
		return err
	}
	if err := insertRepoXorbs(ctx, tx, repoID, []xet.Hash{m.to.Hash}); err != nil {
		return err
	}
	if err := m.lead(ctx, tx); err != nil {
		return err
	}
	if _, err := touchXorbs(ctx, tx, []xet.Hash{m.from.Hash}, now.Add(oldLives).UnixMicro()); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		for i := range rows {
			m.s.terms.Remove(termsKey{repoID, xet.Hash(rows[i].Hash)})
		}
	})
	_, err = tx.Exec(ctx, noteLoose, repoID, now.UnixMicro()) // what of the old one is named no more ends there
	return err
}

// translate changes terms to name the new xorb, and reports whether it has. It changes none that names what the new one lacks.
func (m *moving) translate(segments []xet.Segment) (changed bool) {
	next := slices.Clone(segments)
	for i := range next {
		seg := &next[i]
		if seg.Xorb != m.from.Hash {
			continue
		}
		start, end := int(seg.Start), int(seg.End)
		first, ok := m.place[start]
		last, ok2 := m.place[end-1]
		if !ok || !ok2 || int(last-first) != end-1-start || end > m.from.NumChunks() ||
			m.to.RangeHash(int(first), int(last)+1) != m.from.RangeHash(start, end) {
			return false
		}
		seg.Xorb, seg.Start, seg.End = m.to.Hash, first, last+1
		changed = true
	}
	copy(segments, next)
	return changed
}

// lead has the chunks that led to the old xorb lead to the new one, so that nobody is told of the old one any more.
func (m *moving) lead(ctx context.Context, tx *db.Tx) error {
	var chunks [][]byte
	if err := tx.Select(ctx, &chunks, selectLeading, m.from.Hash[:]); err != nil || len(chunks) == 0 {
		return err
	}
	old, kept := map[xet.Hash]bool{}, map[xet.Hash]bool{}
	for i := range m.from.Chunks {
		old[m.from.Chunks[i].Hash] = true
	}
	for i := range m.to.Chunks {
		kept[m.to.Chunks[i].Hash] = true
	}
	var rows []chunkRow
	for _, c := range chunks {
		if h := xet.Hash(c); kept[h] || !old[h] { // one that it has, or the first of a file that it is a part of
			rows = append(rows, chunkRow{h, m.to.Hash})
		}
	}
	if err := insertChunks(ctx, tx, rows); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, deleteLeading, m.from.Hash[:])
	return err
}
