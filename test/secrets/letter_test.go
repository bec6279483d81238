package secrets

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/testhub"
)

// codeOf is the secret in a link.
func codeOf(l *life, link string) string {
	l.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("code") == "" {
		l.Fatalf("no code in %q: %v", link, err)
	}
	return u.Query().Get("code")
}

// letters are lost passwords, new addresses and invitations: codes that one person may know. Each is tried at the doors of
// the others before it is used, and after.
func (l *life) letters() {
	before := len(l.post.Mails())
	accounts, nobody := l.h.App.Accounts(), testhub.Caller{}
	for _, p := range l.people[10:14] {
		l.ask(nobody, http.MethodPost, "/login/forgot", form("username", p.Name), "Content-Type", formType)
		if err := accounts.ChangeEmail(l.Context(), p.id, "new-"+p.Name+"@example.com"); err != nil {
			l.Fatal(err)
		}
	}
	var codes []string
	for _, m := range l.post.Wait(before + 12)[before:] { // a reset, a confirmation, and a word to the old address
		if link := m.Link("http"); strings.Contains(link, "code=") {
			codes = append(codes, l.v.plant(l.T, "code in a letter", codeOf(l, link)))
		}
	}
	if len(codes) != 8 {
		l.Errorf("%d letters with codes", len(codes))
	}
	o, err := l.h.App.Orgs().Create(l.Context(), org.NewOrg{Name: "acme", AdminID: l.people[0].id})
	if err != nil {
		l.Fatal(err)
	}
	for i := range 8 {
		_, code, err := l.h.App.Orgs().Invite(l.Context(), o.ID, org.NewInvitation{Role: hub.RoleRead, MaxUses: int64(i + 1), By: l.people[0].id})
		if err != nil {
			l.Fatal(err)
		}
		_, link, err := accounts.CreateInvite(l.Context(), account.NewInvite{MaxUses: 1, Life: time.Hour, CreatedBy: l.people[0].id})
		if err != nil {
			l.Fatal(err)
		}
		codes = append(codes, l.v.plant(l.T, "invitation to an organisation", code), l.v.plant(l.T, "invitation to the hub", codeOf(l, link)))
	}
	for _, p := range l.people[14:16] {
		link, _, err := accounts.ResetLink(l.Context(), p.id)
		if err != nil {
			l.Fatal(err)
		}
		codes = append(codes, l.v.plant(l.T, "link of an administrator's", codeOf(l, link)))
	}
	for i, code := range codes {
		for _, door := range []string{"/login/reset", "/login/verify"} { // most codes are of other doors
			l.h.Do(nobody, http.MethodGet, door+"?code="+code, nil) // the page carries its code on
			l.h.Do(l.people[i%8].Caller, http.MethodPost, door, form("code", code, "password", l.v.plant(l.T, "password by a link", random())), "Content-Type", formType)
			l.ask(nobody, http.MethodGet, "/login?next="+url.QueryEscape("/nothing"), nil, "Referer", l.h.URL+door+"?code="+code)
			if i > 3 {
				break // argon2 takes its time
			}
		}
		for _, what := range []string{"show", "accept", "decline"} {
			l.ask(l.people[i%8].Caller, http.MethodPost, "/api/user/invitations/"+what, map[string]any{"code": code})
			l.ask(l.people[i%8].Caller, http.MethodPost, "/api/user/invitations/"+what, `{"code":"`+code+`",}`, "Content-Type", "application/json")
		}
		l.h.Do(nobody, http.MethodGet, "/join?code="+code, nil)
		l.h.Do(nobody, http.MethodGet, "/organizations/invitation?code="+code, nil)
	}
}

// rotate makes tokens that may little and ones that take the place of others, and revokes by value.
func (l *life) rotate() {
	for i, p := range l.people[16:20] {
		accounts := l.h.App.Accounts()
		fine, _, err := accounts.CreateToken(l.Context(), p.id, account.NewToken{Name: fmt.Sprint("fine-", i), Role: hub.TokenFineGrained, Scopes: &hub.Scopes{
			Scoped: []hub.Scope{{Type: "user", ID: p.id, Permissions: []hub.Permission{"repo.content.read"}}}}})
		if err != nil {
			l.Fatal(err)
		}
		next, _, err := accounts.RotateToken(l.Context(), hub.Actor{}, p.id, fmt.Sprint("fine-", i))
		if err != nil {
			l.Fatal(err)
		}
		l.v.plant(l.T, "fine-grained token", fine)
		l.v.plant(l.T, "rotated token", next)
		for _, token := range []string{fine, next} {
			l.ask(testhub.Caller{Token: token}, http.MethodGet, "/api/whoami-v2", nil)
			l.ask(testhub.Caller{Token: token}, http.MethodDelete, "/api/repos/delete", map[string]any{"name": "none", "type": "model"})
		}
		l.ask(testhub.Caller{}, http.MethodPost, "/api/credentials/revoke", map[string]any{"credentials": []string{fine, next, "hf_" + random()}})
		l.ask(l.people[0].Caller, http.MethodPost, "/api/organizations/acme/settings/tokens/revoke", map[string]any{"token": p.Token})
		l.ask(testhub.Caller{Token: next}, http.MethodGet, "/api/whoami-v2", nil)
	}
}
