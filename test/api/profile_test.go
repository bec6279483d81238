package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// TestProfiles: what somebody says of themselves is shown, what they leave out stays, and what they take away is gone.
func TestProfiles(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		done := ok[dict](t, "settings", put(h, alice, "/api/users/alice/settings", dict{"full_name": " Alice Smith ", "bio": "ML Engineer\r\nand more",
			"website": "https://example.com/a?b=c", "social_media": dict{"twitter_x": "@alice_ml", "github": "alice", "threads": "", "linkedin": nil}}))
		if done["success"] != true || done["message"] != "User settings updated successfully" {
			t.Error(done)
		}
		want := "alice|Alice Smith|ML Engineer\nand more|https://example.com/a?b=c|map[github:alice twitter_x:alice_ml]|local"
		show := func() string {
			p := ok[dict](t, "profile", get(h, nobody, "/api/users/ALICE/profile?fallback=false"))
			return fmt.Sprintf("%v|%v|%v|%v|%v|%v", p["username"], p["full_name"], p["bio"], p["website"], p["social_media"], p["_source"])
		}
		if got := show(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		ok[dict](t, "website", put(h, alice, "/api/users/alice/settings", dict{"website": nil, "social_media": dict{"github": "alice2"}}))
		if got := show(); got != "alice|Alice Smith|ML Engineer\nand more||map[github:alice2]|local" {
			t.Errorf("%q", got)
		}
		if s := ok[dict](t, "socials", get(h, nobody, "/api/users/alice/socials")); fmt.Sprintf("%v %v", s["socialHandles"], s["user"]) != "map[github:alice2] alice" {
			t.Error(s)
		}

		ok[dict](t, "organization", put(h, alice, "/api/organizations/acme/settings", dict{"description": "Research", "bio": "We build", "social_media": dict{"bluesky": "acme.bsky.social"}}))
		p := ok[dict](t, "organization", get(h, nobody, "/api/organizations/acme/profile"))
		if fmt.Sprint(p["name"], p["description"], p["bio"], p["member_count"]) != "acmeResearchWe build2" {
			t.Error(p)
		}
		if q := ok[dict](t, "as a user", get(h, nobody, "/api/users/acme/profile")); q["description"] != "Research" {
			t.Error(q)
		}
		if s := ok[dict](t, "socials", get(h, nobody, "/api/organizations/acme/socials")); fmt.Sprintf("%v %v", s["socialHandles"], s["org"]) != "map[] acme" {
			t.Error(s)
		}

		refused(t, "of another", put(h, bob, "/api/users/alice/settings", dict{"bio": "x"}), 403, "")
		refused(t, "no admin", put(h, bob, "/api/organizations/acme/settings", dict{"bio": "x"}), 403, "")
		refused(t, "no user", get(h, nobody, "/api/users/nobody-here/profile"), 404, "")
		for what, body := range map[string]any{
			"unknown": dict{"is_admin": true}, "script": dict{"website": "javascript:alert(1)"}, "no scheme": dict{"website": "example.com"}, "quotes": dict{"website": `https://a/"onclick=x`},
			"user in address": dict{"website": "https://hub.example@evil.example/"}, "long": dict{"bio": strings.Repeat("x", 1001)}, "control": dict{"bio": "a\x1b[31m"}, "number": dict{"bio": 5},
			"network": dict{"social_media": dict{"myspace": "x"}}, "address": dict{"social_media": dict{"github": "https://github.com/x"}}, "list": dict{"social_media": []string{"x"}},
			"space": dict{"social_media": dict{"github": "a b"}}, "name": dict{"full_name": strings.Repeat("x", 129)}, "newline": dict{"full_name": "a\nb"}, "description": dict{"description": "of a user"},
		} {
			refused(t, what, put(h, alice, "/api/users/alice/settings", body), 400, "")
		}
		if got := show(); got != "alice|Alice Smith|ML Engineer\nand more||map[github:alice2]|local" {
			t.Errorf("a refused change left %q", got)
		}
	})
}

// TestAddressTakesTheRightOverTheAccount: who may change a profile does not get an address changed by it, which lets in.
func TestAddressTakesTheRightOverTheAccount(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	alice := h.User("alice")
	refused(t, "an administrator", put(h, h.Admin, "/api/users/alice/settings", dict{"email": "admin@example.com"}), 403, "")
	refused(t, "a bad bio", put(h, alice, "/api/users/alice/settings", dict{"email": "alice2@example.com", "bio": 5}), 400, "")
	refused(t, "no address", put(h, alice, "/api/users/alice/settings", dict{"email": "x"}), 400, "")
	ok[dict](t, "own", put(h, alice, "/api/users/alice/settings", dict{"email": "alice2@example.com", "bio": "b"}))
	if u, err := h.App.Accounts().Get(t.Context(), "alice"); err != nil || u.Email != "alice@example.com" {
		t.Errorf("an address counts before it has proven itself: %+v %v", u, err)
	}
	refused(t, "a number", put(h, alice, "/api/users/alice/settings", dict{"email": 5}), 400, "")
}

// TestFollowing: followers on both sides, and numbers that agree with the lists.
func TestFollowing(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.Org("acme", alice, nil)
		for i := range 5 {
			c := h.User(fmt.Sprintf("u%d", i))
			for range 2 {
				h.JSON(c, http.MethodPost, "/api/users/alice/follow", nil, nil)
				h.JSON(c, http.MethodPost, "/api/organizations/acme/follow", nil, nil)
			}
		}
		u0, u1 := h.User("x0"), h.User("x1")
		h.JSON(u0, http.MethodPost, "/api/users/alice/follow", nil, nil)
		h.JSON(u0, http.MethodPost, "/api/users/x1/follow", nil, nil)
		h.JSON(u0, http.MethodPost, "/api/organizations/acme/follow", nil, nil)
		names := func(path string) string {
			var all []string
			for _, v := range pages(t, h, nobody, path, func(v struct{ User, Name string }) string { return v.User + v.Name }) {
				all = append(all, v.User+v.Name)
			}
			return strings.Join(all, " ")
		}
		for path, want := range map[string]string{
			"/api/users/alice/followers?limit=2": "x0 u4 u3 u2 u1 u0", "/api/organizations/acme/followers": "x0 u4 u3 u2 u1 u0", "/api/users/x0/following?limit=1": "x1 alice",
			"/api/users/x0/following?type=org": "acme", "/api/users/x1/following": "", "/api/users/x1/followers": "x0",
		} {
			if got := names(path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		o := ok[dict](t, "overview", get(h, u0, "/api/users/alice/overview"))
		if o["numFollowers"] != 6.0 || o["isFollowing"] != true {
			t.Error(o)
		}
		if o := ok[dict](t, "overview", get(h, u1, "/api/organizations/acme/overview")); o["numFollowers"] != 6.0 || o["isFollowing"] != false || o["numUsers"] != 1.0 {
			t.Error(o)
		}
		for range 2 {
			h.JSON(u0, http.MethodDelete, "/api/users/alice/follow", nil, nil)
		}
		u, err := h.App.Accounts().Get(t.Context(), "x1")
		if err == nil {
			err = h.App.Accounts().Delete(t.Context(), u.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		if o := ok[dict](t, "overview", get(h, nobody, "/api/users/x0/overview")); o["numFollowing"] != 0.0 {
			t.Error(o)
		}
		refused(t, "oneself", post(h, alice, "/api/users/alice/follow", nil), 400, "")
		refused(t, "cursor", get(h, nobody, "/api/users/alice/followers?cursor=1"), 400, "")
		refused(t, "type", get(h, nobody, "/api/users/alice/following?type=x"), 400, "")
	})
}

// TestPrivateRepositoriesAreNotCounted: numbers and lists of likes tell nobody of repositories that they may not see, and
// no more of one that becomes private or whose organisation one leaves.
func TestPrivateRepositoriesAreNotCounted(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob, eve := h.User("alice"), h.User("bob"), h.User("eve")
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleRead})
		for i, id := range []string{"acme/a", "acme/b", "acme/c"} {
			h.CreateRepo(alice, hub.Model, id, i > 0)
			h.JSON(alice, http.MethodPost, "/api/models/"+id+"/like", nil, nil)
		}
		h.CreateRepo(alice, hub.Dataset, "alice/d", true)
		h.JSON(alice, http.MethodPost, "/api/datasets/alice/d/like", nil, nil)
		see := func(c testhub.Caller) string {
			t.Helper()
			org := ok[dict](t, "org", get(h, c, "/api/organizations/acme/overview"))
			user := ok[dict](t, "user", get(h, c, "/api/users/alice/overview"))
			var likes []string
			for _, l := range pages(t, h, c, "/api/users/alice/likes?limit=1", func(l struct{ Repo struct{ Name string } }) string { return l.Repo.Name }) {
				likes = append(likes, l.Repo.Name)
			}
			return fmt.Sprint(org["numModels"], user["numDatasets"], user["numLikes"], likes)
		}
		for who, c := range map[string]testhub.Caller{"1 0 1 [acme/a]": eve, "3 0 3 [acme/c acme/b acme/a]": bob, "3 1 4 [alice/d acme/c acme/b acme/a]": alice} {
			if got := see(c); got != who {
				t.Errorf("%s sees %s, want %s", c.Name, got, who)
			}
		}
		h.JSON(alice, http.MethodPut, "/api/models/acme/a/settings", dict{"private": true}, nil)
		u, err := h.App.Accounts().Get(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		o, err := h.App.Orgs().Get(t.Context(), "acme")
		if err == nil {
			err = h.App.Orgs().RemoveMember(t.Context(), o.ID, u.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []testhub.Caller{eve, bob, nobody} {
			if got := see(c); got != "0 0 0 []" {
				t.Errorf("%s sees %s", c.Name, got)
			}
			if a := get(h, c, "/api/models/acme/a/likers"); a.Status < 400 {
				t.Errorf("%s sees likers: %s", c.Name, a.Body)
			}
		}
	})
}
