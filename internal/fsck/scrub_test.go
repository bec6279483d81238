package fsck_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/testhub"
)

// scrubber is a scrub with a clock of the test's.
type scrubber struct {
	*world
	s   *fsck.Scrub
	now time.Time
	log *bytes.Buffer
}

const period = 30 * 24 * time.Hour

func newScrubber(w *world) *scrubber {
	b := &scrubber{world: w, now: time.Now(), log: &bytes.Buffer{}}
	b.s = w.App.NewScrub(fsck.ScrubOptions{Period: period, Rate: 1 << 40, Now: func() time.Time { return b.now }}, slog.New(slog.NewTextHandler(b.log, nil)))
	return b
}

// after lets time pass and then the scrub run.
func (b *scrubber) after(d time.Duration) fsck.Status {
	b.t.Helper()
	b.now = b.now.Add(d)
	if err := b.s.Tick(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	s, err := fsck.StatusOf(b.t.Context(), b.App.DB())
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// A pass reads everything once in a period, as much by each time as time has passed, and goes on where it stopped.
func TestScrubKeepsItsPace(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		b := newScrubber(w)
		if s := b.after(0); s.Started.IsZero() || s.Done != 0 || s.Total == 0 {
			t.Fatalf("at the start: %+v", s)
		}
		last := int64(0)
		for i := 1; i < 10; i++ {
			if i == 5 { // another process
				now := b.now
				b = newScrubber(w)
				b.now = now
			}
			s := b.after(period / 10)
			due := s.Total * int64(i) / 10
			if s.Done < last || s.Done < due {
				t.Errorf("after %d tenths: %d of %d read, were %d before", i, s.Done, s.Total, last)
			}
			last = s.Done
		}
		s := b.after(period / 10)
		if !s.Started.IsZero() || s.LastEnded.IsZero() || s.Damaged() != 0 {
			t.Errorf("at the end: %+v", s)
		}
		if s := b.after(0); s.Started.IsZero() {
			t.Errorf("the next pass does not begin: %+v", s)
		}
	})
}

// What rots is found within a period, told, marked so that clients are asked for it, and no more told once it is sound.
func TestScrubFindsWhatRots(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		xorb, pack := w.xorbOf(w.repo), w.keys("git/", ".pack")[0]
		b := newScrubber(w)
		b.after(0)
		undoXorb, undoPack := w.spoil(xorb, flip(5000)), w.spoil(pack, flip(5000))
		s := b.after(period)
		if s.Open["xorb.corrupt"] != 1 || s.Open["pack.corrupt"] != 1 || s.Damaged() != 2 {
			t.Fatalf("found %s", s.Findings())
		}
		open, err := fsck.Open(t.Context(), h.App.DB(), 10)
		if err != nil || len(open) != 2 {
			t.Fatal(len(open), err)
		}
		for _, f := range open {
			want, key := weights, xorb
			if f.Kind == "pack.corrupt" {
				want, key = data, pack // its file, as long as some cache has the commits
			}
			if f.Key != key || len(f.Affects) != 1 || !strings.HasPrefix(f.Affects[0].String(), want) {
				t.Errorf("%s: %s in %v, want %s in %s", f.Kind, f.Key, f.Affects, key, want)
			}
		}
		if log := b.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "alice/model") || !strings.Contains(log, xorb) {
			t.Errorf("the log says:\n%s", log)
		}
		var marked int
		w.get(&marked, "SELECT COUNT(*) FROM xet_xorb WHERE damaged_at IS NOT NULL")
		if marked != 1 {
			t.Errorf("%d xorbs are marked", marked)
		}
		if a := h.Do(h.Admin, http.MethodGet, "/metrics", nil); a.Status == http.StatusOK && !strings.Contains(string(a.Body), `cairn_storage_findings_open{kind="xorb.corrupt"} 1`) {
			t.Error("the metrics do not say it")
		}
		b.log.Reset()
		if s := b.after(period); s.Damaged() != 2 || strings.Contains(b.log.String(), "level=ERROR") {
			t.Errorf("the second time: %s\n%s", s.Findings(), b.log)
		}
		undoXorb()
		undoPack()
		if s := b.after(period); s.Damaged() != 0 {
			t.Errorf("sound again: %s", s.Findings())
		}
		w.get(&marked, "SELECT COUNT(*) FROM xet_xorb WHERE damaged_at IS NOT NULL")
		if marked != 0 {
			t.Errorf("%d xorbs are still marked", marked)
		}
		h.Sound()
	})
}

// A scrub that is off reads nothing.
func TestScrubOff(t *testing.T) {
	w := newWorld(t, testhub.New(t))
	s := w.App.NewScrub(fsck.ScrubOptions{}, slog.Default())
	if err := s.Tick(t.Context()); err != nil || s.Objects() != 0 {
		t.Error(s.Objects(), err)
	}
}
