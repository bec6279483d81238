package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Folders that versions without locks have made are removed when nobody can be at work in them any more; a node's own
// caches, and a folder whose command lives, never.
func TestAbandonedFoldersOfOlderVersions(t *testing.T) {
	cache := t.TempDir()
	old := time.Now().Add(-2 * unlockedAge)
	for _, name := range []string{"apart-1", "replica-1", "apart-2", "git", "objects"} {
		dir := filepath.Join(cache, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if name != "apart-2" {
			if err := os.Chtimes(dir, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	live, remove, err := apartFolder(cache)
	if err == nil {
		err = os.Chtimes(live, old, old)
	}
	if err != nil {
		t.Fatal(err)
	}
	removeAbandoned(cache, slog.New(slog.DiscardHandler))
	for dir, stays := range map[string]bool{"apart-1": false, "replica-1": false, "apart-2": true, "git": true, "objects": true, filepath.Base(live): true} {
		if _, err := os.Stat(filepath.Join(cache, dir)); os.IsNotExist(err) == stays {
			t.Errorf("%s: %v", dir, err)
		}
	}
	remove()
	for _, path := range []string{live, live + lockSuffix} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}
