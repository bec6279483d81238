package compat

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The crate hf-hub in the versions that programs in Rust are built with. test/setup.sh builds it where cargo is; the shapes
// of its requests are held everywhere by test/api.
func TestRustCrate(t *testing.T) {
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("cargo is not installed: the crate hf-hub was not run; test/api replays its requests")
	}
	tools := installed(t)
	program := filepath.Join(tools, "rust/debug/tour")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("not built (%v): run test/setup.sh clients", err)
	}
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			env, _ := s.open(t)
			h := start(t, env...)
			c := clients{hub: h, tools: tools, venv: "python", facts: people(t, h)}
			seeded := writer + "/crate-seed"
			c.lines(t, program, "seed", seeded)
			for _, version := range []string{"0.4", "0.5"} {
				t.Run(version, func(t *testing.T) {
					defer report.time(t, "hf-hub (Rust) "+version, s.name, "info and files, blocking and in parallel parts")()
					c.lines(t, program, version, seeded)
				})
			}
			t.Run("1.0", func(t *testing.T) {
				defer report.time(t, "hf-hub (Rust) 1.0", s.name, "tour")()
				c.lines(t, program, "1.0", writer+"/crate")
			})
		})
	}
}
