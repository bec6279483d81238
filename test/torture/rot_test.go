//go:build torture

package torture

import (
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/test/rot"
)

// F12, long: a bit is flipped in each of a hundred objects of each kind.
func TestF12HundredFlippedBits(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) { rot.Flips{Each: 100}.Run(t, h) })
}
