package xetstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// Damage is state. A xorb whose bytes were found not to be what its name says is marked in its row, and from then on it
// counts as not being here for everybody who has bytes to give: it is in no answer about known chunks, no upload builds
// on it, and a file that is made of it is asked for again. What is sent repairs it for all who have it. Readers still get
// what can be proved chunk by chunk. A xorb is called damaged in error at worst for a while: it costs an upload, no bytes.

// MarkDamaged says that a xorb's bytes are not what its name says. Who found it out has read them.
func (s *Store) MarkDamaged(ctx context.Context, hash xet.Hash) error {
	return errs.Wrap("xetstore.MarkDamaged", s.mark(ctx, updateDamaged, s.micros(), hash[:]))
}

// MarkSound takes that back: the bytes were read and are whole.
func (s *Store) MarkSound(ctx context.Context, hash xet.Hash) error {
	return errs.Wrap("xetstore.MarkSound", s.mark(ctx, updateSound, hash[:]))
}

func (s *Store) mark(ctx context.Context, statement string, args ...any) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
	s.hurt.forget()
	return err
}

// noteTime is how long a read that has failed already may take to find out whether the stored bytes are to blame.
const noteTime = time.Minute

// noteDamage marks a xorb that a read has stumbled over, if all of it read once more is still not what it should be: the
// blob may have been replaced under a reader, or a connection have broken. It must not be called in a transaction.
func (s *Store) noteDamage(ctx context.Context, hash xet.Hash) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := s.lookAgain(ctx, hash); err != nil {
		s.log.Error("damage was not noted", "xorb", hash, "error", err)
	}
}

// lookAgain holds the xorb's lock, so that nothing is marked that an upload has replaced meanwhile.
func (s *Store) lookAgain(ctx context.Context, hash xet.Hash) error {
	unlock, err := s.commits.Take(ctx, hash)
	if err != nil {
		return err
	}
	defer unlock()
	row, err := getXorb(ctx, s.db, hash)
	if err != nil || row == nil || row.DamagedAt != nil {
		return err
	}
	err = s.Verify(ctx, hash, Data)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	s.log.Error("xorb is marked as damaged; a new upload of its bytes repairs it", "xorb", hash, "error", err)
	return s.MarkDamaged(ctx, hash)
}

// CountDamaged counts the xorbs that are marked, that repositories are made of, and that were not given up.
func CountDamaged(ctx context.Context, q db.Queryer) (n int64, err error) {
	err = q.Get(ctx, &n, countDamaged)
	return n, errs.Wrap("xetstore.CountDamaged", err)
}

// FindWhole is FindFiles without those whose bytes are known to be damaged: who offers them is to send them.
func (s *Store) FindWhole(ctx context.Context, q db.Queryer, repoID string, shas []hub.SHA256) (map[hub.SHA256]File, error) {
	if q == nil {
		q = s.db
	}
	found, err := s.FindFiles(ctx, q, repoID, shas)
	if err != nil || len(found) == 0 {
		return found, err
	}
	hashes := make([]xet.Hash, 0, len(found))
	for _, f := range found {
		hashes = append(hashes, f.Hash)
	}
	damaged, err := s.damagedFiles(ctx, q, repoID, hashes)
	if err != nil {
		return nil, errs.Wrap("xetstore.FindWhole", err)
	}
	for sha, f := range found {
		if _, bad := damaged[f.Hash]; bad {
			delete(found, sha)
		}
	}
	return found, nil
}

// Damage is what is known against the bytes of a file.
type Damage struct {
	Terms []xet.Segment // what it is made of in its repository
	Xorbs []xet.Hash    // those that are damaged, at least one
	Lost  bool          // one of them was given up
}

// DamagedFiles returns those files of a repository that are made of damaged xorbs. q may be nil.
func (s *Store) DamagedFiles(ctx context.Context, q db.Queryer, repoID string, files []xet.Hash) (map[xet.Hash]Damage, error) {
	if q == nil {
		q = s.db
	}
	damaged, err := s.damagedFiles(ctx, q, repoID, files)
	return damaged, errs.Wrap("xetstore.DamagedFiles", err)
}

func (s *Store) damagedFiles(ctx context.Context, q db.Queryer, repoID string, files []xet.Hash) (map[xet.Hash]Damage, error) {
	if some, err := anyDamage(ctx, q); err != nil || !some {
		return nil, err
	}
	return s.damagedNow(ctx, q, repoID, files)
}

// damagedNow is that in a hub that has damage.
func (s *Store) damagedNow(ctx context.Context, q db.Queryer, repoID string, files []xet.Hash) (map[xet.Hash]Damage, error) {
	lists, err := selectTermLists(ctx, q, repoID, files)
	if err != nil {
		return nil, err
	}
	made := make(map[xet.Hash][]xet.Segment, len(lists))
	var xorbs []xet.Hash
	for h, terms := range lists {
		segments, err := xet.DecodeTerms(terms)
		if err != nil {
			return nil, s.damaged("terms of file "+h.String(), err)
		}
		made[h] = segments
		xorbs = append(xorbs, xorbsOf(segments)...)
	}
	rows, err := damagedOf(ctx, q, unique(xorbs))
	if err != nil {
		return nil, err
	}
	out := map[xet.Hash]Damage{}
	for h, segments := range made {
		d := Damage{Terms: segments}
		for _, x := range xorbsOf(segments) {
			if row, bad := rows[x]; bad {
				d.Xorbs = append(d.Xorbs, x)
				d.Lost = d.Lost || row.LostAt != nil
			}
		}
		if len(d.Xorbs) > 0 {
			out[h] = d
		}
	}
	return out, nil
}

// DamagedAmong are those of some SHA-256s whose bytes a repository has, but damaged.
func (s *Store) DamagedAmong(ctx context.Context, repoID string, shas []hub.SHA256) (map[hub.SHA256]bool, error) {
	if some, err := s.isHurt(ctx); err != nil || !some || len(shas) == 0 {
		return nil, errs.Wrap("xetstore.DamagedAmong", err)
	}
	found, err := s.FindFiles(ctx, nil, repoID, shas)
	if err != nil {
		return nil, err
	}
	whole, err := s.FindWhole(ctx, nil, repoID, shas)
	out := map[hub.SHA256]bool{}
	for sha := range found {
		if _, ok := whole[sha]; !ok {
			out[sha] = true
		}
	}
	return out, err
}

// knownDamage is which xorbs of some segments are known to be damaged. When the database does not say, none is.
func (s *Store) knownDamage(ctx context.Context, segments []xet.Segment) map[xet.Hash]damageRow {
	if some, err := s.isHurt(ctx); err != nil || !some {
		return nil
	}
	bad, err := damagedOf(ctx, s.db, xorbsOf(segments))
	if err != nil {
		s.log.Warn("known damage was not asked for", "error", err)
	}
	return bad
}

// hurt remembers whether the hub has damaged xorbs, so that who reads need not ask.
type hurt struct {
	memo *db.Memo[struct{}, bool]
	mu   sync.Mutex
	some bool
	at   time.Time // zero: never asked
}

// hurtAge is for how long an answer holds on PostgreSQL, where other nodes write. What is damaged is found out by reading
// it, too, and never given away: this only makes the answer clearer.
const hurtAge = 2 * time.Second

func (s *Store) isHurt(ctx context.Context) (bool, error) {
	h := &s.hurt
	if s.db.Dialect() == db.SQLite {
		return h.memo.Get(struct{}{}, func() (bool, error) { return anyDamage(ctx, s.db) })
	}
	h.mu.Lock()
	some, fresh := h.some, !h.at.IsZero() && time.Since(h.at) < hurtAge
	h.mu.Unlock()
	if fresh {
		return some, nil
	}
	some, err := anyDamage(ctx, s.db)
	if err == nil {
		h.mu.Lock()
		h.some, h.at = some, time.Now()
		h.mu.Unlock()
	}
	return some, err
}

func (h *hurt) forget() {
	h.mu.Lock()
	h.at = time.Time{}
	h.mu.Unlock()
}

// xorbsOf are the xorbs of some terms, each once.
func xorbsOf(segments []xet.Segment) []xet.Hash {
	var xorbs []xet.Hash
	for i := range segments {
		if x := segments[i].Xorb; i == 0 || x != segments[i-1].Xorb {
			xorbs = append(xorbs, x)
		}
	}
	return unique(xorbs)
}

// record writes what was verified, and what else belongs into the same transaction. Whether the hub has damage is asked
// before: in PostgreSQL's transactions the question would stand in the way of everybody who stores a xorb.
func (s *Store) record(ctx context.Context, repoID string, g *registration, also func(*db.Tx) error) error {
	some, err := anyDamage(ctx, s.db)
	if err != nil {
		return err
	}
	g.renew = some
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.register(ctx, tx, repoID, g); err != nil || also == nil {
			return err
		}
		return also(tx)
	})
}

// renewTerms gives files that a repository has of damaged xorbs the terms by which they were just sent: the old ones lead
// to bytes that nobody can read. All other files keep theirs.
func (s *Store) renewTerms(ctx context.Context, tx *db.Tx, repoID string, rows []fileRow) error {
	hashes := make([]xet.Hash, len(rows))
	for i := range rows {
		hashes[i] = xet.Hash(rows[i].Hash)
	}
	damaged, err := s.damagedNow(ctx, tx, repoID, unique(hashes))
	if err != nil || len(damaged) == 0 {
		return err
	}
	old := map[xet.Hash][]byte{}
	for i := range rows {
		h := hashes[i]
		d, bad := damaged[h]
		if !bad {
			continue
		}
		if _, err := tx.Exec(ctx, updateTerms, nonNil(rows[i].terms), repoID, h[:]); err != nil {
			return err
		}
		old[h] = xet.EncodeTerms(d.Terms)
		tx.AfterCommit(func() { s.terms.Remove(termsKey{repoID, h}) })
	}
	unused, err := s.unusedXorbs(ctx, tx, repoID, old)
	if err != nil {
		return err
	}
	return unlinkXorbs(ctx, tx, repoID, unused)
}
