//go:build torture

package torture

import (
	"path/filepath"
	"testing"

	"github.com/cairnhub/cairn/test/crash"
)

// TestTenLargeClones has ten clients clone a history of 2 GB at once.
func TestTenLargeClones(t *testing.T) {
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	_, together, apart := crash.Clones{Files: 250, Size: 8_000_000, Clients: 10}.Run(t, h)
	together.Check(t)
	apart.Check(t)
}
