package cluster

import (
	"testing"
	"time"
)

// F16, short: requests at a steady rate from kept and from fresh connections, by HTTP and by SSH, while the hub restarts
// itself. None fails.
func TestRestartUnderLoad(t *testing.T) {
	Restarts{Rate: 200, Time: 10 * time.Second, Times: 2}.Run(t)
}
