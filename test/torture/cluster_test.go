//go:build torture

package torture

import (
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/cluster"
)

// F16, long: a thousand requests a second for a minute, and five restarts.
func TestManyRestarts(t *testing.T) {
	cluster.Restarts{Rate: 1000, Time: time.Minute, Times: 5}.Run(t)
}
