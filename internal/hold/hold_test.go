package hold

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
)

var ctx = context.Background()

func live(t *testing.T, d *db.DB, repoID string) bool {
	t.Helper()
	held, err := OfRepo(ctx, d, repoID)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func add(d *db.DB, h Hold) (id string, err error) {
	err = d.Tx(ctx, func(tx *db.Tx) (err error) {
		id, err = Add(ctx, tx, h)
		return err
	})
	return id, err
}

func TestHoldsOfTheHubAndOfARepository(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if held, err := Live(ctx, d); held || err != nil {
			t.Fatalf("before: %v %v", held, err)
		}
		h, err := Take(ctx, d, Hold{Kind: "backup", Reason: "nightly"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := Live(ctx, d); !held || err != nil {
			t.Errorf("taken: %v %v", held, err)
		}
		if live(t, d, "some") {
			t.Error("a hold of the hub is taken for one of a repository")
		}
		if err := h.Release(ctx); err != nil {
			t.Fatal(err)
		}
		id, err := add(d, Hold{Kind: Operator, Reason: "law", RepoID: "some"})
		if err != nil {
			t.Fatal(err)
		}
		if live(t, d, "") || !live(t, d, "some") || live(t, d, "other") {
			t.Error("a hold of one repository is not one of that alone")
		}
		if held, err := OfRepos(ctx, d, []string{"other", "some"}); err != nil || len(held) != 1 || !held["some"] {
			t.Errorf("of some: %v %v", held, err)
		}
		list, err := List(ctx, d)
		if err != nil || len(list) != 1 || list[0].ID != id || list[0].Reason != "law" || !list[0].Until.IsZero() {
			t.Errorf("%+v %v", list, err)
		}
		if err := Remove(ctx, d, id); err != nil {
			t.Fatal(err)
		}
		if err := Remove(ctx, d, id); !errs.Is(err, errs.NotFound) {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// A holder that died holds until its time is over, and no longer.
func TestHoldOfTheDeadEnds(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	if _, err := add(d, Hold{Kind: "backup", Until: time.Now().Add(-margin / 2)}); err != nil {
		t.Fatal(err)
	}
	if !live(t, d, "") {
		t.Error("clocks may be apart by the margin")
	}
	if _, err := d.Exec(ctx, "UPDATE hold SET until_at = ?", time.Now().Add(-2*margin).UnixMicro()); err != nil {
		t.Fatal(err)
	}
	if live(t, d, "") {
		t.Error("it holds for good")
	}
	if list, err := List(ctx, d); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

// Who works under a hold hears when it is gone.
func TestHolderHearsOfItsEnd(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	h, err := Take(ctx, d, Hold{Kind: "backup"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := Remove(ctx, d, h.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Release(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("released after it was removed: %v", err)
	}
	h = &Handle{ID: "none", db: d, ttl: 3 * time.Millisecond, end: time.Now().Add(time.Hour), done: make(chan struct{})}
	h.ctx, h.lose = context.WithCancelCause(ctx)
	go h.renew(ctx)
	select {
	case <-h.Context().Done():
	case <-time.After(time.Minute):
		t.Fatal("the holder hears nothing")
	}
	if err := context.Cause(h.Context()); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
}

// A hold that ended is not taken up again as if nothing had happened: others may have deleted in between.
func TestHoldThatLapsedIsLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for name, lapse := range map[string]func(h *Handle) error{
			"in its row": func(h *Handle) error {
				_, err := d.Exec(ctx, "UPDATE hold SET until_at = ? WHERE id = ?", time.Now().Add(-time.Second).UnixMicro(), h.ID)
				return err
			},
			"while its holder slept": func(h *Handle) error {
				h.end = time.Now().Add(-time.Second)
				return nil
			},
		} {
			h, err := Take(ctx, d, Hold{Kind: "backup"}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if !h.prolong(ctx) {
				t.Fatal("one that lives is not renewed")
			}
			if err := lapse(h); err != nil {
				t.Fatal(err)
			}
			if h.prolong(ctx) {
				t.Error(name, "it is renewed")
			}
			h.lose(ErrLost)
			if err := h.Release(ctx); !errors.Is(err, ErrLost) {
				t.Error(name, err)
			}
		}
		h, err := Take(ctx, d, Hold{Kind: "backup"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		h.end = time.Now().Add(-time.Second)
		if err := h.Release(ctx); !errors.Is(err, ErrLost) {
			t.Errorf("released after its end: %v", err)
		}
	})
}
