package account

import (
	"runtime"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// The hash of the first password is made quickly and checked like any other: time says nothing of who has it. The memory
// that the work takes stands for it here.
func TestFirstPasswordIsCheckedLikeOthers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		first, err := s.EnsureAdmin(t.Context())
		noError(t, err)
		var encoded string
		noError(t, d.Get(t.Context(), &encoded, `SELECT password_hash FROM users WHERE name = ?`, first.Name))
		if p, _, _, ok := decodeHash(encoded); !ok || p != lightHash {
			t.Fatalf("kept as %+v", p)
		}
		for _, c := range []struct {
			encoded, password string
			want              bool
		}{{encoded, first.Password, true}, {encoded, first.Password + "x", false}, {"", first.Password, false}} {
			hashes, before := s.Hashes(), allocated()
			is, err := s.checkPassword(t.Context(), turn{}, c.password, c.encoded)
			noError(t, err)
			if is != c.want || s.Hashes() != hashes+1 {
				t.Errorf("%v, %d hashes", is, s.Hashes()-hashes)
			}
			if n := allocated() - before; n < hashMemory<<10 {
				t.Errorf("checked with %d bytes of memory", n)
			}
		}
	})
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
