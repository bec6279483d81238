package testhub

import (
	"strings"

	"github.com/cairnhub/cairn/internal/app"
)

// Backup runs the command beside the hub and returns what it says, and how it ends.
func (h *Hub) Backup(folder string) (string, error) {
	h.T.Helper()
	var b strings.Builder
	err := app.Backup(h.T.Context(), h.cfg, h.logger(), app.BackupOptions{URL: "file:" + folder}, &b)
	return b.String(), err
}

// Restored is a hub of the same kind of storage that is made of the newest backup in a folder.
func (h *Hub) Restored(folder string) *Hub {
	h.T.Helper()
	c := configure(h.T)
	if strings.HasPrefix(h.cfg.BlobURL, "s3:") {
		c = configureScaled(h.T)
	}
	var b strings.Builder
	if err := app.Restore(h.T.Context(), c, h.logger(), app.BackupOptions{URL: "file:" + folder}, &b); err != nil {
		h.T.Fatalf("restore: %v\n%s", err, b.String())
	}
	return launch(&Hub{T: h.T, Admin: h.Admin}, c)
}
