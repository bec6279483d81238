package cluster

import (
	"os"
	"testing"

	"github.com/cairnhub/cairn/test/crash"
)

func TestMain(m *testing.M) { os.Exit(crash.Main(m)) }
