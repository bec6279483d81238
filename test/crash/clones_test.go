package crash

import (
	"path/filepath"
	"runtime"
	"testing"
)

// Ten clients clone a history of 200 MB at once. The bound is that of the large form in test/torture: what the hub and
// its git processes take does not depend on the size of a history that is cloned.
func TestTenClones(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	_, together, apart := Clones{Files: 25, Size: 8_000_000, Clients: 10}.Run(t, h)
	together.Check(t)
	apart.Check(t)
}
