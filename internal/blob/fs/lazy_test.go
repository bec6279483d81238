package fs

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

// A flush that failed is not made good by the next one, which the kernel has nothing to tell.
func TestFailedFlushStaysFailed(t *testing.T) {
	calls := 0
	flush := stickyFlush(func() error {
		if calls++; calls == 2 {
			return syscall.EIO
		}
		return nil
	})
	if err := flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := flush(context.Background()); !errors.Is(err, syscall.EIO) || calls != 2 {
			t.Fatal(calls, err)
		}
	}
}
