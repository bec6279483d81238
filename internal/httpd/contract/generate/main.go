// Command generate writes docs/conformance.md from api/hub-operations.yaml. With -check it writes nothing and fails if
// the file is stale, which is what CI runs.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cairnhub/cairn/internal/httpd/contract"
)

func main() {
	check := flag.Bool("check", false, "fail if docs/conformance.md is stale, write nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	want, err := contract.Conformance()
	if err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "docs", "conformance.md")
	if !check {
		return os.WriteFile(path, want, 0o644) //nolint:gosec // a document of the repository
	}
	have, err := os.ReadFile(path) //nolint:gosec // as above
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return errors.New("docs/conformance.md is stale: run go run ./internal/httpd/contract/generate")
	}
	return nil
}

// moduleRoot is the nearest folder above with a go.mod, so that the command works from anywhere in the repository.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the current folder")
		}
		dir = up
	}
}
