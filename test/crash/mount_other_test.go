//go:build !linux

package crash

import "errors"

func mountSmall(string, int) error { return errors.ErrUnsupported }

func mountInodes(string, int, bool) error { return errors.New("this test mounts on Linux only") }

func unmount(string) {}
