//go:build !linux

package crash

import "errors"

func mountSmall(string, int) error { return errors.ErrUnsupported }

func unmount(string) {}
