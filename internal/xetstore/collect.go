package xetstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/xet"
)

// The collector of xorbs. One that no repository is made of, that no unfinished upload counts on and that was not touched for
// long is taken out of the rows, with all by which it is found; a grave takes its place, and its blob is removed later, under
// the grave (see CollectParts). Why nothing live can go:
//
//   - To become live, a xorb is touched in the transaction that names it (linkXorbs, recordPart, recordUpload), and the
//     transaction fails if the row is not there. Transactions are serializable: either the naming one came first, and then
//     the one that dooms sees its row in xet_repo_xorb or its touch; or it comes second, finds no row and tells the client to
//     send the content again.
//   - A client that was told of a xorb, or has sent it, may name it for weeks without asking: telling and sending touch it.
//   - A blob is only deleted by who opened its grave, and while it may be, whoever stores the same xorb anew is refused.

const (
	// OrphanAge is the least age of a blob without a row. It is no shorter than graves are kept, since an upload stores its
	// blobs long before their rows: one that is still under way after that long is told to send again.
	OrphanAge = graveKept

	oldAtOnce  = 1000
	orphanPage = 1000

	xorbPrefix    = "xorbs/"
	discardPrefix = "discard/"
	discardAge    = 24 * time.Hour
)

// Freed counts xorbs and the bytes of their blobs.
type Freed struct {
	Xorbs int
	Bytes int64
}

func (f *Freed) add(list []oldXorb) {
	f.Xorbs += len(list)
	for i := range list {
		f.Bytes += list[i].StoredSize
	}
}

// CollectXorbs takes the xorbs that nothing needs and nobody touched for as long as keep out of the rows, and says how many.
// With dry it only says. FreeXorbs then removes their blobs.
func (s *Store) CollectXorbs(ctx context.Context, keep time.Duration, dry bool) (total Freed, err error) {
	before := s.now().Add(-keep).UnixMicro()
	at, after := int64(-1<<62), []byte{}
	for {
		var page []oldXorb
		if err := s.db.Select(ctx, &page, selectOldXorbs, before, at, after, oldAtOnce); err != nil {
			return total, errs.Wrap("xetstore.CollectXorbs", err)
		}
		for some := page; len(some) > 0; some = some[min(gravesAtOnce, len(some)):] {
			gone, err := s.collect(ctx, some[:min(gravesAtOnce, len(some))], before, dry)
			if err != nil {
				return total, errs.Wrap("xetstore.CollectXorbs", err)
			}
			total.add(gone)
		}
		if len(page) < oldAtOnce {
			return total, nil
		}
		at, after = page[len(page)-1].TouchedAt, page[len(page)-1].Hash
	}
}

// collect buries those of some xorbs that nothing needs. It looks outside of a transaction first, since most are needed.
func (s *Store) collect(ctx context.Context, list []oldXorb, before int64, dry bool) (gone []oldXorb, err error) {
	unused, err := selectUnusedOf(ctx, s.db, list, before)
	if err != nil || len(unused) == 0 || dry {
		return unused, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if gone, err = selectUnusedOf(ctx, tx, unused, before); err != nil || len(gone) == 0 {
			return err
		}
		return s.buryXorbs(ctx, tx, gone)
	})
	return gone, err
}

// buryXorbs takes xorbs out of the rows. Their graves are due at once: who opens them puts the end off.
func (s *Store) buryXorbs(ctx context.Context, tx *db.Tx, list []oldXorb) error {
	if err := insertGraves(ctx, tx, list, s.micros()-1); err != nil {
		return err
	}
	if err := execIn(ctx, tx, deleteThin, keysOf(list)); err != nil {
		return err
	}
	if err := execIn(ctx, tx, deleteXorbs, keysOf(list)); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		for i := range list {
			s.indexes.Remove(xet.Hash(list[i].Hash))
		}
	})
	return nil
}

// FreeXorbs removes the blobs of xorbs that were taken out of the rows.
func (s *Store) FreeXorbs(ctx context.Context) (Freed, error) {
	freed, err := s.freeGraves(ctx)
	s.freedXorbs.Add(int64(freed.Xorbs))
	s.freedBytes.Add(freed.Bytes)
	return freed, errs.Wrap("xetstore.FreeXorbs", err)
}

// NoteOrphans looks through all stored xorbs for those without a row, which were stored before a crash or a refusal, and are
// older than OrphanAge; FreeXorbs removes them. What an upload stored twice, and a crash left, it removes at once.
func (s *Store) NoteOrphans(ctx context.Context, dry bool) (total Freed, err error) {
	before := s.now().Add(-OrphanAge)
	err = s.eachBlob(ctx, xorbPrefix, func(page []blob.Info) error {
		orphans, err := s.orphans(ctx, page, before)
		if err != nil || len(orphans) == 0 {
			return err
		}
		for some := orphans; len(some) > 0; some = some[min(gravesAtOnce, len(some)):] {
			noted, err := s.noteOrphans(ctx, some[:min(gravesAtOnce, len(some))], dry)
			if err != nil {
				return err
			}
			total.add(noted)
		}
		return nil
	})
	if err == nil && !dry {
		err = s.dropDiscarded(ctx)
	}
	return total, errs.Wrap("xetstore.NoteOrphans", err)
}

func (s *Store) eachBlob(ctx context.Context, prefix string, f func(page []blob.Info) error) error {
	for after := ""; ; {
		page, err := s.blobs.List(ctx, prefix, after, orphanPage)
		if err != nil {
			return err
		}
		if err := f(page); err != nil {
			return err
		}
		if len(page) < orphanPage {
			return nil
		}
		after = page[len(page)-1].Key
	}
}

// orphans are the old ones of a page of blobs that have neither a row nor a grave.
func (s *Store) orphans(ctx context.Context, page []blob.Info, before time.Time) ([]oldXorb, error) {
	var old []oldXorb
	for _, b := range page {
		h, err := xet.ParseHash(b.Key[strings.LastIndexByte(b.Key, '/')+1:])
		if err == nil && b.Key == xorbKey(h) && b.ModTime.Before(before) {
			old = append(old, oldXorb{Hash: h[:], StoredSize: b.Size})
		}
	}
	var orphans []oldXorb
	for some := old; len(some) > 0; some = some[min(gravesAtOnce, len(some)):] {
		none, err := s.rowless(ctx, s.db, some[:min(gravesAtOnce, len(some))])
		if err != nil {
			return nil, err
		}
		orphans = append(orphans, none...)
	}
	return orphans, nil
}

// rowless are those of some xorbs without a row, and without a grave that waits or is being emptied.
func (s *Store) rowless(ctx context.Context, q db.Queryer, list []oldXorb) (none []oldXorb, err error) {
	known := map[xet.Hash]bool{}
	for _, statement := range []string{selectKnown, selectOpened} {
		query, args, err := db.In(statement, keysOf(list))
		if err != nil {
			return nil, err
		}
		var rows [][]byte
		if err := q.Select(ctx, &rows, query, args...); err != nil {
			return nil, err
		}
		for _, r := range rows {
			known[xet.Hash(r)] = true
		}
	}
	for i := range list {
		if !known[xet.Hash(list[i].Hash)] {
			none = append(none, list[i])
		}
	}
	return none, nil
}

// noteOrphans digs graves for blobs without rows. An upload that has stored one of them and not yet its row meets the grave.
func (s *Store) noteOrphans(ctx context.Context, list []oldXorb, dry bool) (noted []oldXorb, err error) {
	if dry {
		return list, nil
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if noted, err = s.rowless(ctx, tx, list); err != nil || len(noted) == 0 {
			return err
		}
		return insertGraves(ctx, tx, noted, s.micros()-1)
	})
	return noted, err
}

// dropDiscarded removes what PutXorb had no time to: keys that no row ever names.
func (s *Store) dropDiscarded(ctx context.Context) error {
	before := s.now().Add(-discardAge)
	return s.eachBlob(ctx, discardPrefix, func(page []blob.Info) (err error) {
		if held, err := hold.Live(ctx, s.db); held || err != nil {
			return err
		}
		for _, b := range page {
			if b.ModTime.Before(before) {
				err = errors.Join(err, s.blobs.Delete(ctx, b.Key))
			}
		}
		return err
	})
}

// Waiting is what the collector has before it.
type Waiting struct {
	Unused Freed     // xorbs that nothing needs, whether or not their time has come
	Oldest time.Time // when the first of those was touched; zero: there is none
	Graves Freed     // blobs that were taken out of the rows
}

// Waiting counts what is to be freed. It reads all rows of xorbs.
func (s *Store) Waiting(ctx context.Context) (w Waiting, err error) {
	var unused struct{ Xorbs, Bytes, Oldest int64 }
	if err = s.db.Get(ctx, &unused, selectUnusedSum); err != nil {
		return w, errs.Wrap("xetstore.Waiting", err)
	}
	w.Unused = Freed{int(unused.Xorbs), unused.Bytes}
	if unused.Oldest > 0 {
		w.Oldest = time.UnixMicro(unused.Oldest).UTC()
	}
	w.Graves, err = s.Graves(ctx)
	return w, errs.Wrap("xetstore.Waiting", err)
}

// Graves counts the blobs that were taken out of the rows and not removed yet.
func (s *Store) Graves(ctx context.Context) (f Freed, err error) {
	var row struct{ Xorbs, Bytes int64 }
	err = s.db.Get(ctx, &row, selectGraveSum)
	return Freed{int(row.Xorbs), row.Bytes}, errs.Wrap("xetstore.Graves", err)
}

// Counters are what this process has freed.
func (s *Store) Counters() Freed { return Freed{int(s.freedXorbs.Load()), s.freedBytes.Load()} }
