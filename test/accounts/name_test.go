package accounts

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Whoever changed their name keeps the old one from others for 90 days, and every door leads from it to the new one; a
// pin to a revision reads the same bytes.
func TestS27NameOfARenamedUserLeadsOnAndStaysHeld(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		ann, eve := h.User("ann"), h.User("eve")
		h.CreateRepo(ann, hub.Model, "ann/m", false)
		pin := h.Commit(ann, hub.Model, "ann/m", "main", map[string]string{"a.txt": "first"})
		h.Commit(ann, hub.Model, "ann/m", "main", map[string]string{"a.txt": "second"})
		cookie := mustSignIn(t, h, "ann", "correct horse battery staple")
		rename := func(name string) testhub.Answer {
			return byCookie(h, cookie, http.MethodPut, "/api/user/name", map[string]any{"name": name, "password": "correct horse battery staple"})
		}
		wantStatus(t, "a name of somebody else", rename("eve"), http.StatusConflict)
		wantStatus(t, "rename", rename("anna"), http.StatusOK)

		for path, want := range map[string]string{
			"/api/models/ann/m?x=1":            "/api/models/anna/m?x=1",
			"/ann/m/resolve/" + pin + "/a.txt": "/anna/m/resolve/" + pin + "/a.txt",
			"/api/users/ann/type":              "/api/users/anna/type",
			"/ann":                             "/anna",
			"/ann/m":                           "/anna/m",
			"/ann/m.git/info/refs?service=git-upload-pack": "/anna/m.git/info/refs?service=git-upload-pack",
		} {
			a := h.Do(nobody, http.MethodGet, path, nil)
			if a.Status != http.StatusTemporaryRedirect && a.Status != http.StatusSeeOther || a.Header.Get("Location") != want {
				t.Errorf("%s: %d to %q", path, a.Status, a.Header.Get("Location"))
			}
		}
		if a := h.Do(nobody, http.MethodGet, "/anna/m/resolve/"+pin+"/a.txt", nil); string(a.Body) != "first" {
			t.Errorf("the pinned revision: %d %q", a.Status, a.Body)
		}
		clone(t, h, "/ann/m", "second")
		mustSignIn(t, h, "anna", "correct horse battery staple")
		if a := h.Do(ann, http.MethodGet, "/api/whoami-v2", nil); !strings.Contains(string(a.Body), `"name":"anna"`) {
			t.Errorf("%s", a.Body)
		}

		// Nobody else gets the name: not as a user, not as an organisation, not by another rename, not in another case.
		claims(t, h, "ann", eve)
		if a := h.Do(eve, http.MethodPost, "/api/repos/create", map[string]any{"name": "m", "organization": "ann"}); a.Status < 400 {
			t.Errorf("eve creates ann/m: %d", a.Status)
		}
		// A new repository of the same owner shadows no redirect but its own.
		h.CreateRepo(ann, hub.Model, "anna/n", false)
		wantStatus(t, "back", rename("ann"), http.StatusOK)
		if a := h.Do(nobody, http.MethodGet, "/api/models/ann/m", nil); a.Status != http.StatusOK {
			t.Errorf("after going back: %d", a.Status)
		}
		claims(t, h, "anna", eve)
	})
}

// claims tries to get a name that is held for another.
func claims(t *testing.T, h *testhub.Hub, name string, eve testhub.Caller) {
	t.Helper()
	ctx, accounts := t.Context(), h.App.Accounts()
	u, err := accounts.Get(ctx, eve.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, strings.ToUpper(name)} {
		if _, err := accounts.Create(ctx, account.NewUser{Name: n}); err == nil {
			t.Errorf("a user gets the name %s", n)
		}
		if _, err := h.App.Orgs().Create(ctx, org.NewOrg{Name: n, AdminID: u.ID}); err == nil {
			t.Errorf("an organisation gets the name %s", n)
		}
		if _, err := accounts.Rename(ctx, u.ID, n); err == nil {
			t.Errorf("another user is renamed to %s", n)
		}
	}
}

// The name of a deleted user is held as well, until its time is over.
func TestS27NameOfADeletedUserStaysHeld(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		h.User("ann")
		eve := h.User("eve")
		cookie := mustSignIn(t, h, "ann", "correct horse battery staple")
		wantStatus(t, "delete", byCookie(h, cookie, http.MethodDelete, "/api/user", map[string]any{"name": "ann", "password": "correct horse battery staple"}), http.StatusOK)
		claims(t, h, "ann", eve)
		if a := h.Do(nobody, http.MethodGet, "/ann", nil, "Accept", "text/html"); a.Status != http.StatusNotFound {
			t.Errorf("the page of who is gone: %d", a.Status)
		}
		if _, err := h.App.DB().Exec(t.Context(), `UPDATE namespace SET held_until = 1 WHERE name_key = 'ann'`); err != nil {
			t.Fatal(err)
		}
		if _, err := h.App.Accounts().Create(t.Context(), account.NewUser{Name: "ann"}); err != nil {
			t.Errorf("after the time: %v", err)
		}
	})
}

// clone fetches a repository by git and looks at a.txt.
func clone(t *testing.T, h *testhub.Hub, path, want string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "c")
	cmd := exec.CommandContext(t.Context(), "git", "clone", "-q", h.URL+path, dir)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_LFS_SKIP_SMUDGE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("clone: %v\n%s", err, out)
		return
	}
	b, err := os.ReadFile(filepath.Join(dir, "a.txt"))
	if err != nil || string(b) != want {
		t.Errorf("the clone has %q, %v", b, err)
	}
}
