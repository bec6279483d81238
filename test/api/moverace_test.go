package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

const racers = 100

// race sends requests at once and gives the answers in their order.
func race(h *testhub.Hub, n int, send func(i int) testhub.Answer) []testhub.Answer {
	out := make([]testhub.Answer, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			out[i] = send(i)
		})
	}
	close(start)
	wg.Wait()
	return out
}

// trail is where a branch has been, as the events tell: each begins where the one before ended.
func trail(t *testing.T, h *testhub.Hub, ref, from string) (commits []string, kinds map[string]int) {
	t.Helper()
	var rows []struct {
		Kind string `db:"kind"`
		Data string `db:"data"`
	}
	if err := h.App.DB().Select(t.Context(), &rows, `SELECT kind, data FROM event WHERE repo_id <> '' ORDER BY id`); err != nil {
		t.Fatal(err)
	}
	kinds = map[string]int{}
	begun := false
	for _, r := range rows {
		var d struct{ Ref, Old, New string }
		if json.Unmarshal([]byte(r.Data), &d) != nil || d.Ref != ref {
			continue
		}
		if begun = begun || d.Old == from; !begun {
			continue
		}
		if d.Old != from {
			t.Fatalf("an event of %s begins at %s, the one before ended at %s", r.Kind, d.Old, from)
		}
		from = d.New
		commits = append(commits, d.New)
		kinds[r.Kind]++
	}
	return commits, kinds
}

// Merges, reverts and commits that come at once to one branch all arrive, one after the other.
func TestRaceOfChangesLosesNone(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers})
		base := y.head("main")
		undo := map[int]string{}
		for i := range racers {
			switch i % 3 {
			case 0:
				y.branch(fmt.Sprintf("b%d", i), base)
				y.commit(fmt.Sprintf("b%d", i), file(fmt.Sprintf("merged/%d", i), "m"))
			case 1:
				undo[i] = y.commit("main", file(fmt.Sprintf("reverted/%d", i), "r"))
			}
		}
		begin := y.head("main")
		answers := race(h, racers, func(i int) testhub.Answer {
			switch i % 3 {
			case 0:
				return post(h, y.c, "/api/models/alice/m/merge/main", dict{"from": fmt.Sprintf("b%d", i)})
			case 1:
				return post(h, y.c, "/api/models/alice/m/revert/main", dict{"commit": undo[i]})
			}
			return commit(h, y.c, y.id, header("c"), file(fmt.Sprintf("committed/%d", i), "c"))
		})
		won := map[string]int{}
		for i, a := range answers {
			switch a.Status {
			case http.StatusOK:
				won[must[moved](t, a.Body).CommitOid] = i
			case http.StatusServiceUnavailable: // told to come again, which is no loss
			default:
				t.Errorf("%d: %d %s", i, a.Status, a.Body)
			}
		}
		commits, kinds := trail(t, h, "refs/heads/main", begin)
		if len(commits) != len(won) || len(won) == 0 || commits[len(commits)-1] != y.head("main") {
			t.Fatalf("%d answers of success, %d events %v", len(won), len(commits), kinds)
		}
		has := files(h, y.c, y.id, "main")
		for i, a := range answers {
			path, present := fmt.Sprintf("merged/%d", i), true
			switch i % 3 {
			case 1:
				path, present = fmt.Sprintf("reverted/%d", i), false
			case 2:
				path = fmt.Sprintf("committed/%d", i)
			}
			if _, there := has[path]; there != (present == (a.Status == http.StatusOK)) {
				t.Errorf("%s: present %v after %d", path, there, a.Status)
			}
		}
		for _, c := range commits {
			if _, ok := won[c]; !ok {
				t.Errorf("nobody was told of %s", c)
			}
		}
		t.Logf("%d of %d: %v", len(won), racers, kinds)
	})
}

// Two nodes change one branch at once: the database decides, and each follows the other.
func TestRaceOfTwoNodesLosesNone(t *testing.T) {
	t.Parallel()
	h := testhub.NewScaled(t)
	nodes := []*testhub.Hub{h, h.Node()}
	y := newHistory(t, h, map[string]string{"f": numbers})
	base := y.head("main")
	const n = 40
	for i := range n {
		if i%4 < 2 {
			y.branch(fmt.Sprintf("b%d", i), base)
			y.commit(fmt.Sprintf("b%d", i), file(fmt.Sprintf("merged/%d", i), "m"))
		}
	}
	answers := race(h, n, func(i int) testhub.Answer {
		if i%4 < 2 {
			return post(nodes[i%2], y.c, "/api/models/alice/m/merge/main", dict{"from": fmt.Sprintf("b%d", i), "fastForward": "never"})
		}
		return commit(nodes[i%2], y.c, y.id, header("c"), file(fmt.Sprintf("committed/%d", i), "c"))
	})
	won := 0
	has := files(h, y.c, y.id, "main")
	for i, a := range answers {
		path := fmt.Sprintf("committed/%d", i)
		if i%4 < 2 {
			path = fmt.Sprintf("merged/%d", i)
		}
		if _, there := has[path]; there != (a.Status == http.StatusOK) {
			t.Errorf("%s: present %v after %d %s", path, there, a.Status, a.Body)
		}
		if a.Status == http.StatusOK {
			won++
		} else if a.Status != http.StatusServiceUnavailable {
			t.Errorf("%d: %d %s", i, a.Status, a.Body)
		}
	}
	commits, kinds := trail(t, h, "refs/heads/main", base)
	if len(commits) != won || commits[len(commits)-1] != y.head("main") || head(nodes[1], y.c, y.id, "main") != y.head("main") {
		t.Errorf("%d answers of success, events %v", won, kinds)
	}
	t.Logf("%d of %d: %v", won, n, kinds)
}

// Of many who say where the branch must be, one wins; the others are told, and change nothing.
func TestRaceFromOneParentHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers})
		first := y.head("main")
		undo := y.commit("main", file("g", "g"))
		y.branch("side", first)
		y.commit("side", file("s", "s"))
		y.commit("main", file("h", "h"))
		begin := y.head("main")
		answers := race(h, racers, func(i int) testhub.Answer {
			body := dict{"parentCommit": begin, "message": fmt.Sprint("racer ", i)}
			switch i % 5 {
			case 0:
				body["from"] = "side"
				return post(h, y.c, "/api/models/alice/m/merge/main", body)
			case 1:
				body["commit"] = undo
				return post(h, y.c, "/api/models/alice/m/revert/main", body)
			case 2:
				body["commit"] = "side"
				return post(h, y.c, "/api/models/alice/m/cherry-pick/main", body)
			case 3:
				return post(h, y.c, "/api/models/alice/m/reset/main", dict{"parentCommit": begin, "to": first})
			}
			return commit(h, y.c, y.id, line("header", dict{"summary": "c", "parentCommit": begin}), file("c", fmt.Sprint(i)))
		})
		winner := ""
		for i, a := range answers {
			switch a.Status {
			case http.StatusOK:
				if winner != "" {
					t.Errorf("%d won too: %s", i, a.Body)
				}
				winner = must[moved](t, a.Body).CommitOid
			case http.StatusConflict, http.StatusPreconditionFailed, http.StatusServiceUnavailable:
			default:
				t.Errorf("%d: %d %s", i, a.Status, a.Body)
			}
		}
		if commits, _ := trail(t, h, "refs/heads/main", begin); len(commits) != 1 || commits[0] != winner || y.head("main") != winner {
			t.Errorf("won: %s, events: %v", winner, commits)
		}
	})
}

// A reset that does not say where the branch is throws no commit away that came meanwhile: it follows or it is refused.
func TestRaceOfResetAndCommits(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		y := newHistory(t, h, map[string]string{"f": numbers})
		first := y.head("main")
		begin := y.commit("main", file("g", "g"))
		answers := race(h, racers/2, func(i int) testhub.Answer {
			if i%2 == 0 {
				return post(h, y.c, "/api/models/alice/m/reset/main", dict{"to": first})
			}
			return commit(h, y.c, y.id, header("c"), file(fmt.Sprintf("c%d", i), "c"))
		})
		for i, a := range answers {
			if a.Status != http.StatusOK && (i%2 == 1 || a.Status != http.StatusConflict) {
				t.Errorf("%d: %d %s", i, a.Status, a.Body)
			}
		}
		commits, kinds := trail(t, h, "refs/heads/main", begin)
		if len(commits) == 0 || commits[len(commits)-1] != y.head("main") {
			t.Errorf("%v, the branch is at %s", commits, y.head("main"))
		}
		if kinds["repo.commit"] != racers/4 {
			t.Errorf("events: %v", kinds)
		}
	})
}
