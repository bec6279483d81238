package rot_test

import (
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/test/rot"
)

// F12: flipped bits are found, never served, and repaired from a replica or by an upload.
func TestF12FlippedBits(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) { rot.Flips{Each: 2}.Run(t, h) })
}

// Bits that flip in what a node keeps on its disk: no wrong byte leaves, and what has rotted is made again.
func TestNodeCachesRot(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) { rot.Caches{Rounds: 1}.Run(t, h) })
}
