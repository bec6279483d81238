package fsck_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A node whose own disk fails cannot say anything about what is stored: that is a failure to run, and no damage.
func TestFailingCacheIsNoDamage(t *testing.T) {
	w := newWorld(t, testhub.New(t))
	r, err := w.FsckSpoilt(fsck.Options{}, func(cache string) {
		git := filepath.Join(cache, "git")
		if err := errors.Join(os.RemoveAll(git), os.WriteFile(git, nil, 0o600)); err != nil { // nothing can be made in it
			t.Fatal(err)
		}
	})
	if !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v, %+v", err, r)
	}
	w.Sound()
}
