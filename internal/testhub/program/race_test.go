//go:build race

package program

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// racy is a file of the hub's command that races before anything else runs.
const racy = `package main

func init() {
	n, done := 0, make(chan struct{})
	go func() { n++; close(done) }()
	n++
	<-done
}
`

// A race in a process of the hub is told, once; else that none was found would say nothing.
func TestRaceOfTheHubIsTold(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "racy.go")
	command, err := filepath.Abs("../../../cmd/cairn")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(command, "racy.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{source: []byte(racy), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GORACE", "")
	t.Setenv("GOFLAGS", "-overlay="+filepath.Join(dir, "overlay.json"))
	bin, err := Cairn(dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, "version").CombinedOutput()
	if err == nil || err.Error() != "exit status 66" {
		t.Errorf("the hub that raced ended with %v\n%s", err, out)
	}
	if found := Races(dir); len(found) != 1 || !strings.Contains(found[0], "racy.go:6") {
		t.Errorf("told of a hub that races: %q", found)
	}
	if again := Races(dir); len(again) > 0 {
		t.Errorf("told once more: %q", again)
	}
}
