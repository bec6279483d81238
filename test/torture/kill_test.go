//go:build torture

package torture

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cairnhub/cairn/test/crash"
)

func TestMain(m *testing.M) { os.Exit(crash.Main(m)) }

// roundsVariable says how often TestManyKills kills, when not 2000 times.
const roundsVariable = "CAIRN_TORTURE_ROUNDS"

// Kills at two thousand moments: a new hub after each 50, so that a round costs the same at the end as at the start.
func TestManyKills(t *testing.T) {
	const perHub = 50
	rounds := 2000
	if n, err := strconv.Atoi(os.Getenv(roundsVariable)); err == nil {
		rounds = n
	}
	var total crash.Result
	for n := 0; n < rounds; n += perHub {
		dir, err := os.MkdirTemp("", "cairn-kills-") //nolint:usetesting // gone before the next hub fills one
		if err != nil {
			t.Fatal(err)
		}
		h := crash.NewHub(t, filepath.Join(dir, "data"))
		r := crash.Rounds{Kills: min(perHub, rounds-n), Least: 20 * time.Millisecond, Most: 300 * time.Millisecond, Seed: uint64(n)}
		total.Add(r.Run(t, h))
		h.Kill()
		_ = os.RemoveAll(dir)
		t.Log(total)
	}
}
