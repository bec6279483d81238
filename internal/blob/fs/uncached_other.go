//go:build !linux

package fs

import (
	"errors"
	"os"
)

func openUncached(path string) (*os.File, bool, error) {
	f, err := os.Open(path)
	return f, false, err
}

func clearDirect(*os.File) error { return errors.ErrUnsupported }

func forget(*os.File, int64, int64) {}

func preferHuge([]byte) {}
