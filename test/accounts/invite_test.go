package accounts

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/site"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Until its letter is written an invitation has no code, and nothing that somebody sends is taken for one: no code at
// all, nor one that is longer than codes are.
func TestS2InvitationWithoutACodeYetIsNobodys(t *testing.T) {
	h := testhub.New(t) // sends no e-mail, so that the letter is never sent
	setRegistration(t, h, site.Invite)
	h.User("eve")
	h.Org("acme", h.Admin, nil)
	acme, err := h.App.Orgs().Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	s := account.New(h.App.DB(), account.Options{}) // writes no letters
	defer func() { _ = s.Close() }()
	if _, _, err := s.CreateInvite(t.Context(), account.NewInvite{Email: "ann@example.com", OrgID: acme.ID, Role: "admin"}); err != nil {
		t.Fatal(err)
	}
	cookie := mustSignIn(t, h, "eve", rightPassword)
	for _, code := range []string{"", strings.Repeat("x", 129), strings.Repeat("x", 4000)} {
		if _, err := h.App.Accounts().FindInvite(t.Context(), code); err == nil {
			t.Errorf("%d characters find the invitation", len(code))
		}
		if a := h.Do(nobody, http.MethodPost, "/join", "code="+code, append([]string{"Cookie", cookie}, formType...)...); a.Status < 400 {
			t.Errorf("%d characters accept the invitation: %d", len(code), a.Status)
		}
		body := map[string]any{"username": "mallory", "email": "ann@example.com", "password": goodSecret, "invitation": code}
		if a := post(h, "/api/auth/register", body); a.Status < 400 {
			t.Errorf("%d characters register: %d", len(code), a.Status)
		}
	}
	for name, find := range map[string]func(string) error{
		"reset":  func(c string) error { _, err := h.App.Accounts().FindReset(t.Context(), c); return err },
		"verify": func(c string) error { _, err := h.App.Accounts().FindPending(t.Context(), c); return err },
	} {
		if find(strings.Repeat("x", 129)) == nil || find("") == nil {
			t.Errorf("%s: what is no code is taken for one", name)
		}
	}
}

// An invitation that was sent to an address is for who has proven that address, whoever else got hold of the link.
func TestS2InvitationOfAnAddressIsForItsReader(t *testing.T) {
	h, srv := mailHub(t, site.Invite)
	h.User("ann")
	h.User("eve")
	h.Org("acme", h.Admin, nil)
	acme, err := h.App.Orgs().Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.App.Accounts().CreateInvite(t.Context(), account.NewInvite{Email: "Ann@example.com", OrgID: acme.ID, Role: "write"}); err != nil {
		t.Fatal(err)
	}
	code := codeIn(t, srv.Wait(1)[0], "/join")
	accept := func(name string) int {
		cookie := mustSignIn(t, h, name, rightPassword)
		return h.Do(nobody, http.MethodPost, "/join", "code="+code, append([]string{"Cookie", cookie}, formType...)...).Status
	}
	for _, name := range []string{"eve", "ann"} { // ann@example.com has yet to prove itself
		if got := accept(name); got != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, got)
		}
	}
	ann, err := h.App.Accounts().Get(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	if _, err := h.App.Accounts().Edit(t.Context(), ann.ID, account.UserChange{EmailVerified: &yes}); err != nil {
		t.Fatal(err)
	}
	if got := accept("ann"); got != http.StatusSeeOther {
		t.Errorf("ann, whose address is proven: %d", got)
	}
}

// Who holds a token that only reads, or is for one purpose, makes nobody a member of anything by it.
func TestS12ReadTokenAcceptsNoInvitation(t *testing.T) {
	h := testhub.New(t)
	h.User("ann")
	h.Org("acme", h.Admin, nil)
	acme, err := h.App.Orgs().Get(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	ann, err := h.App.Accounts().Get(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	_, link, err := h.App.Accounts().CreateInvite(t.Context(), account.NewInvite{OrgID: acme.ID, Role: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(link, "code=")
	fine, _, err := h.App.Accounts().CreateToken(t.Context(), ann.ID, account.NewToken{Name: "fine", Role: hub.TokenFineGrained, Scopes: &hub.Scopes{Global: []hub.Permission{hub.GlobalPermissions[0]}}})
	if err != nil {
		t.Fatal(err)
	}
	accept := func(token string) int {
		return h.Do(testhub.Caller{Name: "ann", Token: token}, http.MethodPost, "/join", "code="+code, formType...).Status
	}
	for name, token := range map[string]string{"read": h.Token(ann.ID, hub.TokenRead), "fine-grained": fine} {
		if got := accept(token); got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := accept(h.Token(ann.ID, hub.TokenWrite)); got != http.StatusSeeOther {
		t.Errorf("a token that may write: %d", got)
	}
}
