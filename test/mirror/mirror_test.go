package mirror

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/testhub"
)

var (
	steps = flag.Int("mirror.steps", 0, "steps on SQLite and a folder; a tenth of it on PostgreSQL and S3 (10000)")
	seed  = flag.Uint64("mirror.seed", 0, "repeat the run of one repository with this seed")
)

// perRepo is how long the history of one repository gets.
const perRepo = 1250

// F19: what the API makes of a history is what git makes of it. Here it does the same each time, so that what fails is
// what was changed; make torture does what nobody has seen before.
func TestMirror(t *testing.T) {
	n := *steps
	if n == 0 {
		n = 10_000
	}
	t.Run("sqlite+folder", func(t *testing.T) { mirror(t, testhub.New(t), n) })
	t.Run("postgres+s3", func(t *testing.T) { mirror(t, testhub.NewScaled(t), n/10) })
}

func mirror(t *testing.T, h *testhub.Hub, steps int) {
	alice := h.User("alice")
	stop := folding(t, h)
	defer stop()
	var mu sync.Mutex
	total := map[string]int{}
	begun := time.Now()
	t.Run("repositories", func(t *testing.T) {
		for left, i := steps, uint64(0); left > 0; left, i = left-perRepo, i+1 {
			o := Options{Seed: 1 + i, Steps: min(left, perRepo), Check: 500}
			if *seed != 0 {
				o.Seed, left = *seed, 0
			}
			t.Run(fmt.Sprintf("seed-%d", o.Seed), func(t *testing.T) {
				t.Parallel()
				done := Run(t, h, alice, o)
				mu.Lock()
				defer mu.Unlock()
				for k, v := range done {
					total[k] += v
				}
			})
		}
	})
	for _, k := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%6d %s", total[k], k)
	}
	t.Logf("%d steps in %.0f s", steps, time.Since(begun).Seconds())
}

// folding looks for packs to fold far more often than the hub does by itself.
func folding(t *testing.T, h *testhub.Hub) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				if err := h.App.Content().FoldAll(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
