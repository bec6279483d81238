package gitclient

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Who may clone and push is who may read and write by the API. Nobody in particular is asked to sign in.
func TestRights(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		alice, eve := h.User("alice"), h.User("eve")
		account, err := h.App.Accounts().Get(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		reading := testhub.Caller{Name: "alice", Token: h.Token(account.ID, hub.TokenRead)}
		wrong := testhub.Caller{Name: "alice", Token: "hf_wrong"}
		h.CreateRepo(alice, hub.Model, "alice/secret", true)
		h.CreateRepo(alice, hub.Model, "alice/open", false)
		source := as(t, h, alice).clone("alice/open")

		const yes = ""
		signIn, absent, no := "could not read Username", "not found", "error: 403"
		for _, row := range []struct {
			name        string
			who         testhub.Caller
			repo        string
			clone, push string
		}{
			{"owner", alice, "alice/secret", yes, yes},
			{"owner", alice, "alice/open", yes, yes},
			{"reading token", reading, "alice/secret", yes, no},
			{"reading token", reading, "alice/open", yes, no},
			{"stranger", eve, "alice/secret", absent, absent},
			{"stranger", eve, "alice/open", yes, no},
			{"nobody", testhub.Caller{}, "alice/secret", signIn, signIn},
			{"nobody", testhub.Caller{}, "alice/open", yes, signIn},
			{"wrong token", wrong, "alice/open", yes, "Authentication failed"}, // git shows a token only when it is asked to
			{"wrong token", wrong, "alice/secret", "Authentication failed", "Authentication failed"},
			{"stranger", eve, "alice/none", absent, absent},
			{"nobody", testhub.Caller{}, "alice/none", signIn, signIn},
		} {
			u := as(t, h, row.who)
			check := func(what, want string, args ...string) {
				t.Helper()
				out, ok := u.try(source, "", "git", append([]string{"-c", "credential.helper="}, args...)...)
				if ok != (want == yes) || !strings.Contains(out, want) {
					t.Errorf("%s, %s, %s: %v, want %q:\n%s", row.name, row.repo, what, ok, want, out)
				}
			}
			check("clone", row.clone, "clone", "-q", u.remote(row.repo), filepath.Join(t.TempDir(), "c"))
			check("push", row.push, "push", "-q", "--force", u.remote(row.repo), "main:refs/heads/by-"+strings.ReplaceAll(row.name, " ", "-"))
		}

		// The token as Bearer, and as the user's name.
		u := as(t, h, testhub.Caller{})
		u.git(source, "-c", "http.extraHeader=Authorization: Bearer "+alice.Token, "ls-remote", u.remote("alice/secret"))
		u.git(source, "ls-remote", strings.Replace(u.remote("alice/secret"), "://", "://"+alice.Token+"@", 1)+"")
	})
}

// An old name leads git to the new one, for clones and pushes.
func TestMoved(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	u := as(t, h, alice)
	h.CreateRepo(alice, hub.Model, "alice/old", true)
	dir := u.clone("alice/old")
	h.JSON(alice, http.MethodPost, "/api/repos/move", map[string]any{"fromRepo": "alice/old", "toRepo": "alice/new", "type": "model"}, nil)
	u.write(dir, "a.txt", "a")
	tip := u.commit(dir, "after the move")
	u.git(dir, "push", "-q", "origin", "main")
	u.git(dir, "fetch", "-q")
	if got := u.git(u.clone("alice/old.git"), "rev-parse", "HEAD"); got != tip {
		t.Errorf("clone of the old name: %s", got)
	}
	if got := resolve(t, h, alice, "alice/new", "main", "a.txt"); got != "a" {
		t.Errorf("the new name: %q", got)
	}
	as(t, h, testhub.Caller{}).refused("/", []string{"ls-remote", h.URL + "/alice/old"}, "could not read Username")
}
