package fsck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/xet"
)

// ScrubEvery is how often Tick is meant to be called.
const ScrubEvery = time.Minute

const (
	tickTime = 40 * time.Second // that one Tick may read: the others of a minute are for other jobs
	keepAt   = 256 << 20        // bytes after which the place is written down
	fewer    = 100              // rows at once
)

// ScrubOptions say how fast to read.
type ScrubOptions struct {
	Period time.Duration    // in which all bytes are read once
	Rate   int64            // bytes a second at most
	Now    func() time.Time // nil: the hub's clock
}

// Scrub reads all stored bytes over a period: in each minute as much as keeps up with it, at a bounded rate. How far it is
// stands in a row, so that it goes on after a restart, on whichever node. What is damaged is noted, so that the hub asks
// for the bytes again, and so is what has become sound.
type Scrub struct {
	d       Deps
	o       ScrubOptions
	bytes   atomic.Int64
	objects atomic.Int64
}

// NewScrub prepares it. A period of 0 reads nothing.
func NewScrub(d Deps, o ScrubOptions) *Scrub {
	if o.Now == nil {
		o.Now = d.DB.Now
	}
	return &Scrub{d: d, o: o}
}

// Bytes and Objects are what this process has read and looked at.
func (s *Scrub) Bytes() int64 { return s.bytes.Load() }

// Objects is how many xorbs, packs and pictures it has looked at.
func (s *Scrub) Objects() int64 { return s.objects.Load() }

// stages are what a pass reads, in this order.
var stages = []string{"xorbs", "packs", "pictures"}

// Tick reads as much as is due. It is meant for one node at a time; two do no harm but the work.
func (s *Scrub) Tick(ctx context.Context) error {
	if s.o.Period <= 0 {
		return nil
	}
	now := s.o.Now()
	row, err := s.pass(ctx, now)
	if err != nil || row == nil {
		return err
	}
	t := &tick{s: s, row: row, c: New(s.d, Options{Data: true, Workers: 1, Note: true, Now: s.o.Now}), until: time.Now().Add(tickTime)}
	t.c.scrub = true
	t.due = math.MaxInt64 // what came since it began, too
	if elapsed := now.Sub(time.UnixMicro(row.StartedAt)); elapsed < s.o.Period {
		t.due = int64(float64(row.Total) * (float64(elapsed) / float64(s.o.Period)))
	}
	if t.open, err = s.openKeys(ctx); err != nil {
		return err
	}
	return t.run(blob.WithPace(ctx, blob.NewPace(s.o.Rate)))
}

// pass is the pass that is under way, a new one if the last began a period ago, nil if none is due.
func (s *Scrub) pass(ctx context.Context, now time.Time) (*passRow, error) {
	row, err := getPass(ctx, s.d.DB)
	if err != nil || row != nil && row.FinishedAt == nil {
		return row, err
	}
	if row != nil && now.Before(time.UnixMicro(row.StartedAt).Add(s.o.Period)) {
		return nil, nil
	}
	_, total, err := s.d.Xet.Totals(ctx)
	if err != nil {
		return nil, err
	}
	packs, err := s.d.Git.Stored(ctx)
	if err != nil || total+packs == 0 {
		return nil, err
	}
	if _, err := s.d.DB.Exec(ctx, insertPass, now.UnixMicro(), total+packs, stages[0]); err != nil {
		return nil, err
	}
	return getPass(ctx, s.d.DB)
}

// maxOpen bounds the findings that one Tick knows of.
const maxOpen = 10_000

// openKeys are the objects that findings are open about, with the kinds of these.
func (s *Scrub) openKeys(ctx context.Context) (map[string][]Kind, error) {
	list, err := Open(ctx, s.d.DB, maxOpen)
	keys := make(map[string][]Kind, len(list))
	for _, f := range list {
		keys[f.Key] = append(keys[f.Key], f.Kind)
	}
	return keys, err
}

// tick is one call of Tick.
type tick struct {
	s     *Scrub
	row   *passRow
	c     *Checker
	open  map[string][]Kind
	due   int64 // bytes of the pass that are to be read by now
	until time.Time
	saved int64
}

// errDue ends a tick: nothing more is due.
var errDue = errors.New("nothing more is due")

// run reads. What was found is written down before the place is: a crash between the two reads again.
func (t *tick) run(ctx context.Context) error {
	t.saved = t.row.Done
	err := t.stages(ctx)
	if err != nil && !errors.Is(err, errDue) {
		return err // what was looked at since the place was saved is looked at again
	}
	ended := err == nil
	if err := t.c.note(ctx, t.s.o.Now()); err != nil {
		return err
	}
	if err := t.save(ctx); err != nil || !ended {
		return err
	}
	now := t.s.o.Now().UnixMicro()
	t.s.d.Log.Info("all stored bytes were read and verified", "bytes", t.row.Done, "since", time.UnixMicro(t.row.StartedAt).UTC())
	_, err = t.s.d.DB.Exec(ctx, endPass, now, now, t.row.StartedAt)
	return err
}

func (t *tick) stages(ctx context.Context) error {
	at := max(slices.Index(stages, t.row.Stage), 0)
	for ; at < len(stages); at++ {
		if t.row.Stage != stages[at] {
			t.row.Stage, t.row.Place = stages[at], ""
		}
		var err error
		switch t.row.Stage {
		case "xorbs":
			err = t.xorbs(ctx)
		case "packs":
			err = t.packs(ctx)
		default:
			err = t.pictures(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tick) save(ctx context.Context) error {
	t.saved = t.row.Done
	_, err := t.s.d.DB.Exec(ctx, updatePass, t.row.Done, t.row.Stage, t.row.Place, t.row.StartedAt)
	return err
}

// looked counts an object that was looked at. If it is sound, what was found about it is over.
func (t *tick) looked(ctx context.Context, place, key string, bytes int64) error {
	t.row.Place = place
	t.row.Done += bytes
	t.s.bytes.Add(bytes)
	t.s.objects.Add(1)
	if kinds := t.open[key]; len(kinds) > 0 && !t.c.found.about(key) {
		for _, kind := range kinds {
			if _, err := end(ctx, t.s.d.DB, kind, key, EndedSound, t.s.o.Now().UnixMicro()); err != nil {
				return err
			}
		}
		t.s.d.Log.Info("damaged bytes are sound again", "object", key)
	}
	if t.row.Done-t.saved >= keepAt {
		if err := t.c.note(ctx, t.s.o.Now()); err != nil {
			return err
		}
		return t.save(ctx)
	}
	return nil
}

// more says errDue when enough was read.
func (t *tick) more() error {
	if t.row.Done >= t.due || time.Now().After(t.until) {
		return errDue
	}
	return nil
}

func (t *tick) xorbs(ctx context.Context) error {
	var after []byte
	if t.row.Place != "" {
		h, err := xet.ParseHash(t.row.Place)
		if err != nil {
			return err
		}
		after = h[:]
	}
	for {
		if err := t.more(); err != nil {
			return err
		}
		rows, err := t.s.d.Xet.Xorbs(ctx, after, fewer)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			if err := t.more(); err != nil {
				return err
			}
			if err := t.c.xorb(ctx, row); err != nil {
				return err
			}
			if err := t.looked(ctx, row.Hash.String(), row.Key(), row.Stored); err != nil {
				return err
			}
			after = row.Hash[:]
		}
	}
}

func (t *tick) packs(ctx context.Context) error {
	repoID, number, _ := strings.Cut(t.row.Place, " ")
	seq, _ := strconv.ParseInt(number, 10, 64) // empty: from the first on
	for {
		if err := t.more(); err != nil {
			return err
		}
		rows, err := t.s.d.Git.Packs(ctx, repoID, seq, fewer)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, p := range rows {
			if err := t.more(); err != nil {
				return err
			}
			if err := t.c.pack(ctx, p); err != nil {
				return err
			}
			repoID, seq = p.RepoID, p.Seq
			if err := t.looked(ctx, fmt.Sprintf("%s %d", repoID, seq), p.Key(), p.Size); err != nil {
				return err
			}
		}
	}
}

// pictures are few and small: all of them are read at once.
func (t *tick) pictures(ctx context.Context) error {
	return t.c.eachPicture(ctx, t.row.Place, func(owner, key string) error { return t.looked(ctx, owner, key, 0) })
}
