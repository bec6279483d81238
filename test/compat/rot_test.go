package compat

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/fs"
)

// A bit flips in what is stored of a model: hf and git-lfs get no wrong file, and an upload by somebody else who has it
// repairs it for both.
func TestFlippedBitAndUpload(t *testing.T) {
	tools := installed(t)
	t.Parallel()
	dir := t.TempDir()
	h := start(t, "CAIRN_BLOB_URL=file:"+dir)
	h.expects = "damage"
	people(t, h)
	store, err := fs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, h, tools, "http", "")
	id, model := writer+"/rotten", noise(7, 11_000_000)
	d.write("", "model.safetensors", model)
	file := filepath.Join(d.home, "model.safetensors")
	d.run("/", "hf", "upload", id, file, "model.safetensors", "--private")
	list, err := store.List(t.Context(), "xorbs/", "", 100)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d xorbs: %v", len(list), err)
	}
	b, err := blob.GetBytes(t.Context(), store, list[0].Key, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 16
	if err := blob.PutBytes(t.Context(), store, list[0].Key, b); err != nil {
		t.Fatal(err)
	}

	fetch := map[string][]string{
		"model":       {"hf", "download", id, "--local-dir", filepath.Join(d.home, "model")},
		"clone-of-it": {"git", "clone", "-q", d.remote + id, filepath.Join(d.home, "clone-of-it")},
	}
	for name, args := range fetch {
		if d.fails(args...) {
			continue
		}
		t.Errorf("%s succeeds with what is damaged", args[0])
		d.same(name, "model.safetensors", model)
	}
	for name := range fetch { // what a client left is no file of that name with other bytes, but git-lfs's pointer
		got, err := os.ReadFile(filepath.Join(d.home, name, "model.safetensors"))
		if err == nil && string(got) != string(model) && !strings.HasPrefix(string(got), "version https://git-lfs") {
			t.Errorf("%s has a wrong file of %d bytes", name, len(got))
		}
		if err := os.RemoveAll(filepath.Join(d.home, name)); err != nil {
			t.Fatal(err)
		}
	}

	other := newDesk(t, h, tools, "http", "") // who knows nothing of what was uploaded before
	other.write("", "model.safetensors", model)
	other.run("/", "hf", "upload", id, filepath.Join(other.home, "model.safetensors"), "model.safetensors")
	for name, args := range fetch {
		d.run("/", args[0], args[1:]...)
		d.same(name, "model.safetensors", model)
	}
}

// fails reports that a program ends badly. git-lfs is told to try once more at most; hf gives up by itself.
func (d *desk) fails(args ...string) bool {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	program := args[0]
	if program == "hf" {
		program = filepath.Join(installed(d.t), "python/bin/hf")
	}
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Dir, cmd.Env = d.home, append(d.env,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=lfs.transfer.maxretries", "GIT_CONFIG_VALUE_0=1")
	return cmd.Run() != nil
}
