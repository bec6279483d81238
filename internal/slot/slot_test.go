package slot

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPlacesPerKey(t *testing.T) {
	const places, each = 2, 300
	slots := PerKey[int](places)
	var inside [3]atomic.Int32
	var wg sync.WaitGroup
	for i := range each * len(inside) {
		wg.Go(func() {
			key := i % len(inside)
			give, err := slots.Take(t.Context(), key)
			if err != nil {
				t.Error(err)
				return
			}
			defer give()
			if n := inside[key].Add(1); n > places {
				t.Errorf("%d at once", n)
			}
			inside[key].Add(-1)
		})
	}
	wg.Wait()
	if len(slots.held) != 0 {
		t.Errorf("%d keys are kept though nobody holds them", len(slots.held))
	}
}

func TestKeysDoNotWaitForEachOther(t *testing.T) {
	slots := PerKey[string](1)
	a, err := slots.Take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := slots.Take(t.Context(), "b") // would hang
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := slots.Take(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	a()
	b()
	if len(slots.held) != 0 {
		t.Error("who stopped waiting left something behind")
	}
}

func TestTryDoesNotWait(t *testing.T) {
	slots := PerKey[string](1)
	give, ok := slots.Try("a")
	if !ok {
		t.Fatal("a free place was not given")
	}
	if _, ok := slots.Try("a"); ok {
		t.Error("a place was given twice")
	}
	other, ok := slots.Try("b")
	if !ok {
		t.Fatal("another key's place was not given")
	}
	other()
	give()
	if again, ok := slots.Try("a"); !ok {
		t.Error("a returned place was not given")
	} else {
		again()
	}
	if len(slots.held) != 0 {
		t.Error("something is left behind")
	}
}

func TestTakeTellsWhyItStopped(t *testing.T) {
	slots, busy := Of(1), errors.New("busy")
	if err := slots.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeoutCause(t.Context(), time.Millisecond, busy)
	defer stop()
	if err := slots.Take(ctx); !errors.Is(err, busy) {
		t.Error(err)
	}
}
