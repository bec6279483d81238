package scale

import (
	"testing"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

// small is what a team has; the large hub has twenty times as much of everything.
var small = Size{Users: 40, Orgs: 5, Repos: 300, Events: 200}

// TestStatementsDoNotGrow: no list costs a statement a row and no check one a membership: each takes as many statements
// on a hub twenty times as large.
func TestStatementsDoNotGrow(t *testing.T) {
	program.Cost(t)
	for _, dialect := range engines {
		t.Run(string(dialect), func(t *testing.T) {
			few, many := fill(t, dialect, small), fill(t, dialect, small.Times(20))
			for _, q := range questions {
				a, b := few.statements(q), many.statements(q)
				if more := uint64(small.Events*20/2/perStatement) * 2; a != b && !(q.all && b <= a+more) || b > mostStatements {
					t.Errorf("%s: %d statements, %d on a hub twenty times as large", q, a, b)
				}
				t.Logf("%-50s %d", q.what, b)
			}
		})
	}
}

// mostStatements is what one answer may take.
const mostStatements = 20

// perStatement is how many rows of a streamed answer a statement brings at least.
const perStatement = 500
