package testhub

import (
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/fsck"
)

// Fsck looks through the hub's storage as the command does: beside the hub, with caches of its own.
func (h *Hub) Fsck(o fsck.Options) *fsck.Report {
	h.T.Helper()
	r, err := h.FsckSpoilt(o, func(string) {})
	if err != nil {
		h.T.Fatal(err)
	}
	return r
}

// FsckSpoilt is Fsck on a node whose cache folder is changed before anything is looked at.
func (h *Hub) FsckSpoilt(o fsck.Options, spoil func(cache string)) (*fsck.Report, error) {
	h.T.Helper()
	c := *h.cfg
	c.CacheDir = h.T.TempDir()
	a, err := app.OpenAt(h.T.Context(), &c, h.logger(), h.now)
	if err != nil {
		h.T.Fatal(err)
	}
	defer a.Close()
	spoil(c.CacheDir)
	return a.Checker(o).Run(h.T.Context())
}

// FsckKept looks at every byte and writes down what is damaged, as the command does.
func (h *Hub) FsckKept() {
	h.T.Helper()
	c := h.App.Checker(fsck.Options{Data: true})
	r, err := c.Run(h.T.Context())
	if err == nil {
		err = c.Keep(h.T.Context(), r, true)
	}
	if err != nil {
		h.T.Fatal(err)
	}
}

// Sound fails the test when anything stored is damaged, down to the last byte.
func (h *Hub) Sound() {
	h.T.Helper()
	if r := h.Fsck(fsck.Options{Data: true, SHA256: true}); !r.Clean() {
		var b strings.Builder
		r.WriteText(&b)
		h.T.Errorf("fsck:\n%s", b.String())
	}
}

// Repair runs the command beside the hub and returns what it says, and how it ends.
func (h *Hub) Repair(o app.RepairOptions) (string, error) {
	h.T.Helper()
	var b strings.Builder
	err := app.Repair(h.T.Context(), h.cfg, h.logger(), o, &b, io.Discard)
	return b.String(), err
}
