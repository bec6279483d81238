package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type tokenJSON struct {
	ID, Name, Role, Hint, Token string
	FineGrained                 *fineJSON
	LastUsedAt, ExpiresAt       *string
}

type fineJSON struct {
	Scoped []struct {
		Entity      struct{ ID, Type, Name string }
		Permissions []string
	}
	Global     []string
	GatedRepos bool `json:"canReadGatedRepos"`
}

type whoamiJSON struct {
	Name string
	Orgs []struct {
		Name, RoleInOrg      string
		SecurityRestrictions []string
	}
	Auth struct {
		Type, ExpiresAt string
		AccessToken     struct {
			DisplayName, Role string
			FineGrained       *fineJSON
		}
	}
}

func whoami(t *testing.T, h *testhub.Hub, c testhub.Caller) whoamiJSON {
	t.Helper()
	return ok[whoamiJSON](t, "whoami", get(h, c, "/api/whoami-v2"))
}

// scoped is a body's entity with its permissions.
func scoped(typ, name string, permissions ...string) dict {
	return dict{"entity": dict{"type": typ, "name": name}, "permissions": permissions}
}

func TestTokensAPI(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"f.txt": "hi"})
		h.CreateRepo(alice, hub.Model, "alice/secret", true)
		bob := h.User("bob")
		h.CreateRepo(bob, hub.Model, "bob/secret", true)
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		h.CreateRepo(alice, hub.Dataset, "acme/data", true)

		until := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
		made := ok[tokenJSON](t, "create", post(h, alice, "/api/user/tokens", dict{"name": "fine", "role": "fineGrained", "expiresAt": until, "fineGrained": dict{
			"scoped": []dict{scoped("user", "ALICE", "repo.content.read"), scoped("org", "acme", "org.read"), scoped("dataset", "acme/data", "repo.write")}, "canReadGatedRepos": true}}))
		if made.Token == "" || made.Role != "fineGrained" || made.ExpiresAt == nil || *made.ExpiresAt != until || made.FineGrained == nil {
			t.Fatalf("made %+v", made)
		}
		fine := testhub.Caller{Name: "alice", Token: made.Token}
		who := whoami(t, h, fine)
		f := who.Auth.AccessToken.FineGrained
		if who.Auth.Type != "access_token" || who.Auth.AccessToken.Role != "fineGrained" || who.Auth.ExpiresAt != until || f == nil || len(f.Scoped) != 3 || !f.GatedRepos {
			t.Fatalf("whoami %+v", who)
		}
		if e := f.Scoped; e[0].Entity.Name != "alice" || e[1].Entity.Name != "acme" || e[2].Entity.Name != "acme/data" || e[2].Entity.Type != "dataset" || e[2].Permissions[0] != "repo.write" {
			t.Errorf("scoped %+v", e)
		}

		// What it may: read alice's, write the dataset, and nothing else that alice may.
		for path, status := range map[string]int{
			"/api/models/alice/secret": 200, "/api/datasets/acme/data": 200, "/api/models/bob/secret": 404,
			"/api/datasets/acme/data/auth-check/write": 200, "/api/models/alice/m/auth-check/write": 403, "/api/user/tokens": 403, "/api/whoami-v2": 200,
		} {
			if a := get(h, fine, path); a.Status != status {
				t.Errorf("%s: %d, want %d: %s", path, a.Status, status, a.Body)
			}
		}
		lists := func(path string) int { return len(ok[[]listed](t, path, get(h, fine, path))) }
		if n, d := lists("/api/models?author=alice"), lists("/api/datasets?author=acme"); n != 2 || d != 1 {
			t.Errorf("it lists %d models and %d datasets", n, d)
		}
		h.CreateRepo(alice, hub.Dataset, "acme/other", true)
		if d := lists("/api/datasets?author=acme"); d != 1 {
			t.Errorf("it lists %d datasets, and is for one", d)
		}

		// An entity that moves is still the one; one that is gone has no name.
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "acme/data", "toRepo": "acme/moved", "type": "dataset"}, nil)
		if e := whoami(t, h, fine).Auth.AccessToken.FineGrained.Scoped[2].Entity; e.Name != "acme/moved" {
			t.Errorf("moved: %+v", e)
		}
		if a := get(h, fine, "/api/datasets/acme/moved/auth-check/write"); a.Status != 200 {
			t.Errorf("after the move: %d", a.Status)
		}
		h.JSON(alice, http.MethodDelete, "/api/repos/delete", dict{"organization": "acme", "name": "moved", "type": "dataset"}, nil)
		h.CreateRepo(alice, hub.Dataset, "acme/moved", true)
		if a := get(h, fine, "/api/datasets/acme/moved"); a.Status != 404 {
			t.Errorf("another repository of the same name: %d", a.Status)
		}
		if e := whoami(t, h, fine).Auth.AccessToken.FineGrained.Scoped[2].Entity; e.Name != "" {
			t.Errorf("gone: %+v", e)
		}

		// Rotation: a new value, the same id; listing never shows a value.
		turned := ok[tokenJSON](t, "rotate", post(h, alice, "/api/user/tokens/"+made.ID+"/rotate", nil))
		if turned.ID != made.ID || turned.Token == made.Token || turned.FineGrained == nil {
			t.Errorf("rotated %+v", turned)
		}
		if a := get(h, fine, "/api/whoami-v2"); a.Status != 401 {
			t.Errorf("the old value: %d", a.Status)
		}
		fine.Token = turned.Token
		list := get(h, alice, "/api/user/tokens")
		if tokens := ok[[]tokenJSON](t, "list", list); len(tokens) != 2 || tokens[0].Name != "fine" || tokens[0].LastUsedAt == nil || strings.Contains(string(list.Body), turned.Token[8:30]) {
			t.Errorf("list %s", list.Body)
		}
		if a := h.Do(alice, http.MethodDelete, "/api/user/tokens/fine", nil); a.Status != 200 {
			t.Errorf("revoke: %d", a.Status)
		}
		if a := get(h, fine, "/api/whoami-v2"); a.Status != 401 {
			t.Errorf("revoked: %d", a.Status)
		}
	})
}

func TestTokensRefused(t *testing.T) {
	h := testhub.New(t)
	alice, bob := h.User("alice"), h.User("bob")
	h.CreateRepo(bob, hub.Model, "bob/secret", true)
	fine := func(s ...dict) dict {
		return dict{"name": "x", "role": "fineGrained", "fineGrained": dict{"scoped": s}}
	}
	var many []dict
	for range 101 {
		many = append(many, scoped("user", "alice", "repo.write"))
	}
	for what, c := range map[string]struct {
		body   dict
		status int
	}{
		"no name":          {dict{"role": "read"}, 400},
		"a role of no hub": {dict{"name": "x", "role": "god"}, 400},
		"no scopes":        {dict{"name": "x", "role": "fineGrained"}, 400},
		"scopes of a role": {dict{"name": "x", "role": "write", "fineGrained": dict{"scoped": []dict{scoped("user", "alice", "repo.write")}}}, 400},
		"past":             {dict{"name": "x", "expiresAt": "2001-01-01T00:00:00Z"}, 400},
		"no date":          {dict{"name": "x", "expiresAt": "tomorrow"}, 400},
		"hidden":           {fine(scoped("model", "bob/secret", "repo.write")), 404},
		"absent":           {fine(scoped("model", "bob/none", "repo.write")), 404},
		"another kind":     {fine(scoped("org", "bob", "repo.write")), 404},
		"another type":     {fine(scoped("bucket", "bob", "repo.write")), 400},
		"permission":       {fine(scoped("user", "alice", "repo.sell")), 400},
		"twice":            {fine(scoped("user", "alice", "repo.write"), scoped("user", "Alice", "repo.write")), 400},
		"many":             {fine(many...), 400},
	} {
		if a := post(h, alice, "/api/user/tokens", c.body); a.Status != c.status {
			t.Errorf("%s: %d, want %d: %s", what, a.Status, c.status, a.Body)
		}
	}
	if a := h.Do(alice, http.MethodDelete, "/api/user/tokens/none", nil); a.Status != 404 {
		t.Errorf("none: %d", a.Status)
	}
}

// Whoever finds a token may end it, and learns nothing by trying.
func TestFoundTokensAreRevoked(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		ask := func(values ...string) testhub.Answer {
			return post(h, nobody, "/api/credentials/revoke", dict{"credentials": values})
		}
		known, unknown := ask(alice.Token, "junk"), ask("hf_"+strings.Repeat("a", 40))
		if known.Status != 202 || string(known.Body) != string(unknown.Body) || unknown.Status != 202 {
			t.Errorf("%d %s, %d %s", known.Status, known.Body, unknown.Status, unknown.Body)
		}
		if a := get(h, alice, "/api/whoami-v2"); a.Status != 401 {
			t.Errorf("found and still good: %d", a.Status)
		}
		u, err := h.App.Accounts().Get(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		var events []struct {
			OwnerID string `db:"owner_id"`
			Addr    string
		}
		if err := h.App.DB().Select(t.Context(), &events, `SELECT owner_id, addr FROM event WHERE kind = 'token.leak'`); err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 || events[0].OwnerID != u.ID || events[0].Addr == "" {
			t.Errorf("recorded %+v", events)
		}
		if a := ask(); a.Status != 400 {
			t.Errorf("none: %d", a.Status)
		}
		if a := ask(make([]string, 1001)...); a.Status != 400 {
			t.Errorf("too many: %d", a.Status)
		}
	})
}

// An organisation ends a member's token's access to it. The token works elsewhere, and other tokens everywhere.
func TestOrganisationRevokesToken(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		boss, mem, other := h.User("boss"), h.User("mem"), h.User("other")
		h.Org("acme", boss, map[string]hub.Role{"mem": hub.RoleAdmin})
		h.Org("else", other, map[string]hub.Role{"mem": hub.RoleWrite})
		h.CreateRepo(boss, hub.Model, "acme/secret", true)
		h.CreateRepo(other, hub.Model, "else/secret", true)
		h.CreateRepo(mem, hub.Model, "mem/secret", true)
		tokens := ok[[]tokenJSON](t, "list", get(h, mem, "/api/user/tokens"))
		path := "/api/organizations/acme/settings/tokens/"
		for what, a := range map[string]testhub.Answer{
			"by a stranger":      post(h, other, path+"revoke", dict{"token": mem.Token}),
			"of a stranger":      post(h, boss, path+"revoke", dict{"token": other.Token}),
			"unknown":            post(h, boss, path+"revoke", dict{"token": "hf_none"}),
			"unknown id":         post(h, boss, path+hub.NewID()+"/revoke", nil),
			"by an id elsewhere": post(h, mem, "/api/organizations/else/settings/tokens/"+tokens[0].ID+"/revoke", nil),
		} {
			if a.Status != 404 && a.Status != 403 {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		again := ok[tokenJSON](t, "create", post(h, mem, "/api/user/tokens", dict{"name": "second", "role": "write"}))
		if a := post(h, boss, path+tokens[0].ID+"/revoke", nil); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if a := post(h, boss, path+"revoke", dict{"token": mem.Token}); a.Status != 200 {
			t.Fatalf("by value, again: %d %s", a.Status, a.Body)
		}
		second := testhub.Caller{Name: "mem", Token: again.Token}
		for _, c := range []struct {
			by     testhub.Caller
			path   string
			status int
		}{
			{mem, "/api/models/acme/secret", 404}, {mem, "/api/models/else/secret", 200}, {mem, "/api/models/mem/secret", 200},
			{mem, "/api/organizations/acme/audit-log", 403}, {second, "/api/models/acme/secret", 200}, {second, "/api/organizations/acme/audit-log", 200},
		} {
			if a := get(h, c.by, c.path); a.Status != c.status {
				t.Errorf("%s: %d, want %d", c.path, a.Status, c.status)
			}
		}
		for _, o := range whoami(t, h, mem).Orgs {
			if (o.Name == "acme") != (len(o.SecurityRestrictions) == 1 && o.SecurityRestrictions[0] == "token-revoked") {
				t.Errorf("%+v", o)
			}
		}
	})
}
