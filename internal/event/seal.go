package event

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// The log is sealed: each event, once it has settled, gets a hash over the seal before it and all that the event says. Who
// changes, removes or slips in an event afterwards breaks the chain there. Seals are numbered apart from events: of two
// transactions the one with the higher id may be seen first, and the other is sealed behind it.

const (
	sealBatch = 1000
	// lateIDs is how far behind the last sealed event another may turn up that was not there before.
	lateIDs = 10_000
)

// Head is the last seal. Kept where the hub's administrators cannot write, it proves that nothing up to it was changed.
type Head struct {
	Seq  int64 // how many events are sealed
	Hash []byte
}

func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, hex.EncodeToString(h.Hash)) }

type sealRow struct {
	Seq     int64
	EventID int64 `db:"event_id"`
	Hash    []byte
}

// Seal seals what has settled, and says up to where.
func Seal(ctx context.Context, d *db.DB) (Head, error) {
	for {
		head, n, err := sealSome(ctx, d)
		if err != nil || n < sealBatch {
			return head, errs.Wrap("event.Seal", err)
		}
	}
}

func sealSome(ctx context.Context, d *db.DB) (head Head, n int, err error) {
	last, rows, err := unsealed(ctx, d)
	if err != nil || len(rows) == 0 { // nothing to write: the caches stay
		return Head{last.Seq, last.Hash}, 0, err
	}
	err = d.Tx(ctx, func(tx *db.Tx) error {
		if last, rows, err = unsealed(ctx, tx); err != nil { // another node may have been faster
			return err
		}
		now := tx.Now().UnixMicro()
		for _, r := range rows {
			last = sealRow{Seq: last.Seq + 1, EventID: r.ID, Hash: r.seal(last.Hash)}
			if _, err := tx.Exec(ctx, insertSeal, last.Seq, last.EventID, last.Hash, now); err != nil {
				return err
			}
		}
		return nil
	})
	return Head{last.Seq, last.Hash}, len(rows), err
}

// unsealed reads the last seal and the events that come next.
func unsealed(ctx context.Context, q db.Queryer) (last sealRow, rows []row, err error) {
	if err = q.Get(ctx, &last, selectLastSeal); err != nil && !db.IsNoRows(err) {
		return last, nil, err
	}
	var most int64
	if err = q.Get(ctx, &most, selectMostSealed); err != nil {
		return last, nil, err
	}
	past, ahead := settled(q)
	err = q.Select(ctx, &rows, selectUnsealed, most-lateIDs, past, ahead, sealBatch)
	return last, rows, err
}

// seal is the hash over the seal before and an event. Each field is preceded by its length, so that none can run into the
// next one.
func (r row) seal(before []byte) []byte {
	h := sha256.New()
	h.Write(before)
	var n [binary.MaxVarintLen64]byte
	number := func(v int64) { h.Write(n[:binary.PutVarint(n[:], v)]) }
	number(r.ID)
	number(r.CreatedAt)
	for _, s := range []string{r.RepoID, r.OwnerID, r.Kind, r.ActorID, r.ActorName, r.TokenID, r.Addr, r.UserAgent, r.Data} {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	return h.Sum(nil)
}

// Break is the first place where the log is not what was sealed.
type Break struct {
	EventID int64
	What    string // "was changed", "was removed" …
}

// Verified is what Verify found.
type Verified struct {
	Head    Head
	Waiting int64  // events that are not sealed yet
	Broken  *Break // nil: the log is whole
}

// Verify walks the whole chain. want, unless zero, is a head that was noted before: a log that was cut off or sealed anew
// does not lead there.
func Verify(ctx context.Context, q db.Queryer, want Head) (v Verified, err error) {
	reached := want.Seq == 0
	for {
		var rows []chained
		if err := q.Select(ctx, &rows, selectChain, v.Head.Seq, sealBatch); err != nil {
			return v, errs.Wrap("event.Verify", err)
		}
		for _, r := range rows {
			if v.Broken = r.check(v.Head); v.Broken != nil {
				return v, nil
			}
			if v.Head = (Head{r.Seq, r.Hash}); v.Head.Seq == want.Seq {
				if reached = bytes.Equal(v.Head.Hash, want.Hash); !reached {
					v.Broken = &Break{r.EventID, fmt.Sprintf("has another seal %d than the one given: the log was sealed anew", r.Seq)}
					return v, nil
				}
			}
		}
		if len(rows) < sealBatch {
			break
		}
	}
	if !reached {
		v.Broken = &Break{0, fmt.Sprintf("the log ends at seal %d, before the one given: its end was cut off", v.Head.Seq)}
		return v, nil
	}
	return v, errs.Wrap("event.Verify", v.rest(ctx, q))
}

// rest counts what waits for its seal, and finds what was slipped in where all was sealed long ago.
func (v *Verified) rest(ctx context.Context, q db.Queryer) error {
	var most, stray int64
	if err := q.Get(ctx, &most, selectMostSealed); err != nil {
		return err
	}
	if err := q.Get(ctx, &stray, selectStray, most-lateIDs); err != nil {
		return err
	}
	if stray > 0 {
		v.Broken = &Break{stray, "has no seal, though all around it have: it was slipped in"}
		return nil
	}
	return q.Get(ctx, &v.Waiting, countUnsealed, most-lateIDs)
}

// chained is a seal and its event, which may be gone.
type chained struct {
	Seq     int64
	Hash    []byte
	EventID int64  `db:"event_id"`
	ID      *int64 `db:"id"`

	RepoID    *string `db:"repo_id"`
	OwnerID   *string `db:"owner_id"`
	Kind      *string `db:"kind"`
	ActorID   *string `db:"actor_id"`
	ActorName *string `db:"actor_name"`
	TokenID   *string `db:"token_id"`
	Addr      *string `db:"addr"`
	UserAgent *string `db:"user_agent"`
	Data      *string `db:"data"`
	CreatedAt *int64  `db:"created_at"`
}

func (c chained) check(before Head) *Break {
	if c.Seq != before.Seq+1 {
		return &Break{c.EventID, fmt.Sprintf("has seal %d, which follows seal %d: what was between was removed", c.Seq, before.Seq)}
	}
	if c.ID == nil {
		return &Break{c.EventID, "was removed"}
	}
	r := row{*c.ID, *c.RepoID, *c.OwnerID, *c.Kind, *c.ActorID, *c.ActorName, *c.TokenID, *c.Addr, *c.UserAgent, *c.Data, *c.CreatedAt}
	if !bytes.Equal(r.seal(before.Hash), c.Hash) {
		return &Break{c.EventID, "was changed"}
	}
	return nil
}
