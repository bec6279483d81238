//go:build !linux

package fs

import (
	"errors"
	"os"
)

const canFlush = false

func flushAll(*os.File) error { return errors.ErrUnsupported }
