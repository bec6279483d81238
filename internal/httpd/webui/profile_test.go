package webui_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/profile"
)

// The page of a user shows what they say of themselves, as text and as links that lead where they say; its buttons are
// forms, and its tabs show who follows whom and what is liked.
func TestProfilePage(t *testing.T) {
	w := newWorld(t, "")
	w.repo(hub.Model, "alice/tiny", hub.Public, nil)
	w.repo(hub.Model, "alice/secret", hub.Private, nil)
	ctx, alice := context.Background(), account.Owner{ID: w.actor["alice"].UserID, Kind: account.KindUser, Name: "alice"}
	w.must(w.shown.Set(ctx, alice, profile.Settings{"bio": json.RawMessage(`"<b>Hi</b>\nthere"`), "website": json.RawMessage(`"https://example.com/me/"`),
		"social_media": json.RawMessage(`{"github":"alice"}`)}))

	a := w.get("/alice")
	for _, want := range []string{"&lt;b&gt;Hi&lt;/b&gt;", `<a href="https://example.com/me/" rel="nofollow noopener">example.com/me</a>`, `href="https://github.com/alice"`, "0 followers", "Sign in to follow", `src="/api/avatars/alice"`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	bob := w.signIn("bob")
	same := []string{"Cookie", bob, "Sec-Fetch-Site", "same-origin"}
	do := func(path, form, to string) {
		t.Helper()
		if a := w.do(http.MethodPost, path, form, same...); a.status != http.StatusSeeOther || a.header.Get("Location") != to {
			t.Errorf("%s: %d to %q", path, a.status, a.header.Get("Location"))
		}
	}
	see := func(path, want string) {
		t.Helper()
		if a := w.get(path, "Cookie", bob); !strings.Contains(a.body, want) {
			t.Errorf("%s lacks %q", path, want)
		}
	}
	do("/users/alice/follow", "", "/alice")
	do("/alice/tiny/like", "", "/alice/tiny")
	see("/alice", "1 follower<")
	see("/alice", "You follow alice")
	see("/alice?tab=followers", `href="/bob"`)
	see("/bob?tab=following", `href="/alice"`)
	see("/bob?tab=likes", `href="/alice/tiny"`)
	see("/alice/tiny", "1 like<")
	see("/alice/tiny", "You like tiny")
	do("/users/alice/follow", "undo=1", "/alice")
	do("/alice/tiny/like", "undo=1", "/alice/tiny")
	see("/alice", "0 followers")
	see("/alice/tiny", "0 likes")
	if a := w.do(http.MethodPost, "/alice/tiny/like", "", "Cookie", bob, "Sec-Fetch-Site", "cross-site"); a.status == http.StatusSeeOther {
		t.Error("another site likes in bob's name")
	}
	if a := w.do(http.MethodPost, "/alice/secret/like", "", same...); a.status != http.StatusNotFound {
		t.Errorf("a like of what bob does not see: %d", a.status)
	}
	if a := w.get("/alice?tab=nonsense"); a.status != http.StatusOK || !strings.Contains(a.body, "alice/</span>tiny") {
		t.Errorf("a tab that is none: %d", a.status)
	}
}
