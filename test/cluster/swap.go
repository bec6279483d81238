package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/test/crash"
)

// Swaps are commits of several clients to one branch, each on top of what the client has seen last.
type Swaps struct {
	Clients, Commits int // commits of each
}

// Run fails the test unless the branch is one line of exactly the commits that were acknowledged.
func (s Swaps) Run(t *testing.T, c *Cluster) {
	if a := c.Client().CreateRepo("line"); !a.OK() {
		t.Fatal(a)
	}
	first := head(t, c.Client())
	var mu sync.Mutex
	acknowledged := map[string]string{} // commit → its file
	var stale atomic.Int64
	var wg sync.WaitGroup
	for i := range s.Clients {
		wg.Go(func() {
			client := c.Client()
			client.URL = c.NodeURL(1 + i%Nodes)
			for n := 0; n < s.Commits && !t.Failed(); {
				path := fmt.Sprintf("c%d/%d", i, n)
				a := client.CommitOn("line", "main", head(t, client), []crash.Change{{Path: path, Data: []byte(path)}})
				switch {
				case a.OK():
					mu.Lock()
					acknowledged[commitOf(a)] = path
					mu.Unlock()
					n++
				case a.Status == http.StatusPreconditionFailed:
					stale.Add(1)
				default:
					t.Error(a)
				}
			}
		})
	}
	wg.Wait()
	checkLine(t, c, first, acknowledged)
	t.Logf("%d clients on %d nodes: %d commits acknowledged, all of them reachable in one line; %d refused as too late", s.Clients, Nodes, len(acknowledged), stale.Load())
	if want := s.Clients * s.Commits; len(acknowledged) != want {
		t.Errorf("%d different commits were acknowledged, want %d", len(acknowledged), want)
	}
}

func head(t testing.TB, c *crash.Client) string {
	t.Helper()
	a := c.Do(http.MethodGet, "/api/models/admin/line/revision/main", nil)
	var v struct{ SHA string }
	if err := json.Unmarshal(a.Body, &v); err != nil || len(v.SHA) != 40 {
		t.Errorf("%s: %v", a, err)
	}
	return v.SHA
}

func commitOf(a crash.Answer) string {
	var v struct {
		OID string `json:"commitOid"`
	}
	_ = json.Unmarshal(a.Body, &v)
	return v.OID
}

// checkLine asks git: a clone has every parent, the API's list has not.
func checkLine(t *testing.T, c *Cluster, first string, acknowledged map[string]string) {
	t.Helper()
	line := clone(t, c, "line")
	files, _, err := c.Client().Tree("line", "main")
	if err != nil {
		t.Fatal(err)
	}
	for i, commit := range line {
		path := acknowledged[commit.id]
		switch {
		case i == len(line)-1:
			if commit.id != first || len(commit.parents) != 0 {
				t.Errorf("the line begins with %+v, want %s", commit, first)
			}
			continue
		case path == "":
			t.Errorf("%s is in the branch and was acknowledged to nobody", commit.id)
		case len(commit.parents) != 1 || commit.parents[0] != line[i+1].id:
			t.Errorf("a fork: %+v", commit)
		case files[path].OID != crash.GitID([]byte(path)):
			t.Errorf("%s of %s is not there", path, commit.id)
		}
	}
	if len(line) != len(acknowledged)+1 {
		t.Errorf("%d commits in the branch, %d acknowledged", len(line)-1, len(acknowledged))
	}
}
