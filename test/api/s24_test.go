package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// tally counts answers and names each that is neither a win nor a loss of the kinds given.
func tally(t *testing.T, what string, answers []testhub.Answer, losses ...int) (winners []int) {
	t.Helper()
	lost := map[int]int{}
	for i, a := range answers {
		switch {
		case a.Status == http.StatusOK:
			winners = append(winners, i)
		case containsInt(losses, a.Status):
			lost[a.Status]++
		default:
			t.Errorf("%s: %d: %d %.300s", what, i, a.Status, a.Body)
		}
	}
	t.Logf("S24: %s: %d at once, %d won, lost by status %v", what, len(answers), len(winners), lost)
	return winners
}

// TestS24OneNameHasOneWinner: of a hundred who create one repository at once, one does, and the others hear where it is.
func TestS24OneNameHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		answers := race(h, racers, func(i int) testhub.Answer {
			c := []testhub.Caller{alice, bob}[i%2]
			return h.Do(c, http.MethodPost, "/api/repos/create", dict{"name": []string{"prize", "Prize"}[i/2%2], "organization": "acme", "private": i%4 < 2})
		})
		if won := tally(t, "create of one name", answers, http.StatusConflict); len(won) != 1 {
			t.Errorf("%d won", len(won))
		}
		for i, a := range answers {
			if a.Status == http.StatusConflict && !strings.Contains(string(a.Body), "/acme/") {
				t.Errorf("%d is not told where the repository is: %s", i, a.Body)
			}
		}
		if got := ok[[]listed](t, "list", get(h, alice, "/api/models?author=acme")); len(got) != 1 {
			t.Errorf("%d repositories", len(got))
		}
		if got := count(t, h, "git_repo"); got != 1 {
			t.Errorf("%d git repositories", got)
		}
	})
}

// TestS24OneParentHasOneWinner: of a hundred commits on one parent, one is made, and nothing of the others is left.
func TestS24OneParentHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"a": "1"})
		parent := head(h, alice, "alice/m", "main")
		answers := race(h, racers, func(i int) testhub.Answer {
			return commit(h, alice, "alice/m", line("header", dict{"summary": fmt.Sprint("racer ", i), "parentCommit": parent}), file("raced.txt", fmt.Sprint(i)), file(fmt.Sprintf("own/%d", i), "x"))
		})
		won := tally(t, "commits on one parent", answers, http.StatusConflict, http.StatusPreconditionFailed)
		if len(won) != 1 {
			t.Fatalf("%d won", len(won))
		}
		if a := get(h, alice, "/alice/m/resolve/main/raced.txt"); string(a.Body) != fmt.Sprint(won[0]) {
			t.Errorf("the branch has the file of %s, %d was told that it won", a.Body, won[0])
		}
		commits, _ := trail(t, h, "refs/heads/main", parent)
		if len(commits) != 1 || commits[0] != head(h, alice, "alice/m", "main") {
			t.Errorf("the branch went over %v", commits)
		}
		if own := ok[[]dict](t, "tree", get(h, alice, "/api/models/alice/m/tree/main/own")); len(own) != 1 {
			t.Errorf("files of %d racers", len(own))
		}
	})
}

// TestS24DeleteAndCommit: a repository that goes while a hundred commits come to it is gone, and a new one of its name has
// nothing of it.
func TestS24DeleteAndCommit(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"secret.txt": "of the first"})
		sha := putLarge(t, h, alice, "alice/m", strings.Repeat("large", 100_000))
		answers := race(h, racers, func(i int) testhub.Answer {
			switch {
			case i%20 == 10:
				return h.Do(alice, http.MethodDelete, "/api/repos/delete", dict{"name": "m", "organization": "alice", "type": "model"})
			case i%2 == 0:
				return commit(h, alice, "alice/m", header("s"), line("lfsFile", dict{"path": fmt.Sprint("l", i), "algo": "sha256", "oid": sha, "size": 500_000}))
			}
			return commit(h, alice, "alice/m", header("s"), file(fmt.Sprint("f", i), "1"))
		})
		deleted := 0
		for _, i := range tally(t, "delete and commits", answers, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed) {
			if i%20 == 10 {
				deleted++
			}
		}
		if deleted != 1 {
			t.Errorf("%d were told that they deleted it", deleted)
		}
		refused(t, "after it", get(h, alice, "/api/models/alice/m"), 404, "RepoNotFound")
		if _, err := h.App.DB().Exec(t.Context(), "UPDATE repo_deleted SET deleted_at = 0"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.App.Repos().Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"repo", "repo_deleted", "git_ref", "git_repo", "git_pack", "xet_repo_file"} {
			if n := count(t, h, table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		h.CreateRepo(alice, hub.Model, "alice/m", false)
		if got := ok[[]dict](t, "tree", get(h, alice, "/api/models/alice/m/tree/main?recursive=true")); len(got) != 1 { // .gitattributes
			t.Errorf("the new one has %v", got)
		}
	})
}

// count is how many rows a table has.
func count(t *testing.T, h *testhub.Hub, table string) (n int) {
	t.Helper()
	if err := h.App.DB().Get(t.Context(), &n, "SELECT COUNT(*) FROM "+table); err != nil { //nolint:gosec // of the test's own names
		t.Fatal(err)
	}
	return n
}
