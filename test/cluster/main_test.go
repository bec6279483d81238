package cluster

import (
	"os"
	"testing"

	"github.com/cairnhub/cairn/test/crash"
)

func TestMain(m *testing.M) {
	code := m.Run()
	crash.RemoveBinary()
	os.Exit(code)
}
