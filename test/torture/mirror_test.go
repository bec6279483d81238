//go:build torture

package torture

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/test/mirror"
)

// F19 at length: one history of 20,000 steps, and a hundred of 1,000.
func TestLongMirror(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	seed := uint64(time.Now().Unix()) * 1000
	for i := range 101 {
		o := mirror.Options{Seed: seed + uint64(i), Steps: 1000, Check: 500}
		if i == 0 {
			o.Steps, o.Check = 20_000, 5000
		}
		t.Run(fmt.Sprintf("seed-%d", o.Seed), func(t *testing.T) {
			t.Parallel()
			done := mirror.Run(t, h, alice, o)
			for _, k := range slices.Sorted(maps.Keys(done)) {
				t.Logf("%6d %s", done[k], k)
			}
		})
	}
}
