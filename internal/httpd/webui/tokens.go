package webui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/oauth"
)

const (
	tokensPath   = "/settings/tokens"
	maxTokenName = 128
	maxTokenForm = 64 << 10
	// shownCookie carries a new token from the form to the page that shows it, once. The hub does not keep it.
	shownCookie = "cairn_shown"
	shownFor    = 60 // seconds
)

type tokensPage struct {
	settingsPage
	fineGrained
	Tokens []tokenItem
	Shown  string // the value of a token that was made just now
	Name   field
	Role   string
	Life   string
	Lives  []tokenLife
}

type tokenItem struct {
	*account.Token
	Kind    string
	Program string // that it was given to
	For     []string
	Over    bool // it has expired
}

type tokenLife struct {
	Days, Text string
	life       time.Duration // 0: for ever
}

const day = 24 * time.Hour

var tokenLives = []tokenLife{
	{"7", "7 days", 7 * day}, {"30", "30 days", 30 * day}, {"90", "90 days", 90 * day}, {"365", "a year", 365 * day}, {"0", "until it is revoked", 0},
}

// tokenKinds are the roles of tokens, as people read them.
var tokenKinds = map[hub.TokenRole]string{hub.TokenRead: "read", hub.TokenWrite: "write", hub.TokenFineGrained: "fine-grained"}

// newTokensPage is the page with the form as it was sent, or as it is at first.
func (a *API) newTokensPage(r *http.Request, form url.Values) (tokensPage, error) {
	p := tokensPage{
		settingsPage: userSettings(r, tokensPath), Role: string(hub.TokenRead), Life: "90", Lives: tokenLives,
		Name: field{Name: "name", Label: "Name", Value: form.Get("name"), Max: maxTokenName, Autocomplete: "off", Hint: "What it is for, such as the machine that uses it."},
	}
	if len(form) > 0 {
		p.Role, p.Life = form.Get("role"), form.Get("life")
	}
	who, err := a.Accounts.Whoami(r.Context(), httpd.Of(r).Actor)
	if err != nil {
		return p, err
	}
	p.fineGrained = newFineGrained(who, form)
	return p, a.listTokens(r, who, &p)
}

func (a *API) listTokens(r *http.Request, who *account.Identity, p *tokensPage) error {
	tokens, err := a.Accounts.Tokens(r.Context(), who.User.ID)
	if err != nil {
		return err
	}
	clients, err := a.Accounts.TokenClients(r.Context(), who.User.ID)
	if err != nil {
		return err
	}
	names := ownerNames(who)
	for _, t := range tokens {
		item := tokenItem{Token: t, Kind: tokenKinds[t.Role], For: scopeWords(t.Scopes, names), Over: !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(a.Accounts.Now())}
		if id := clients[t.ID]; id != "" {
			item.Program = "a program"
			if c, known := oauth.ClientByID(id); known {
				item.Program = c.Name
			}
		}
		p.Tokens = append(p.Tokens, item)
	}
	return nil
}

func (a *API) tokensPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newTokensPage(r, nil)
	if err != nil {
		return err
	}
	if c, err := r.Cookie(shownCookie); err == nil && strings.HasPrefix(c.Value, "hf_") {
		p.Shown = c.Value
		showOnce(w, r, tokensPath, "", -1)
		w.Header().Set("Cache-Control", "no-store")
	}
	return write(w, r, http.StatusOK, "tokens", p)
}

// showOnce gives a secret to one page, for as long as the browser takes to go there.
func showOnce(w http.ResponseWriter, r *http.Request, path, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the hub is reached by https; at home it may be http
		Name: shownCookie, Value: value, Path: path, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(httpd.Of(r).Origin, "https://"),
	})
}

func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	form, err := readFormOf(w, r, maxTokenForm)
	if err != nil {
		return err
	}
	value, err := a.newToken(r, form)
	if err == nil {
		showOnce(w, r, tokensPath, value, shownFor)
		seeOther(w, tokensPath)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	named := !errs.Is(err, errs.Conflict) && strings.TrimSpace(form.Get("name")) != ""
	p, err := a.newTokensPage(r, form)
	if err != nil {
		return err
	}
	if named {
		p.Settings.Problem = text
	} else {
		p.Name.Problem, p.Name.Focus = text, true
	}
	return write(w, r, status, "tokens", p)
}

func (a *API) newToken(r *http.Request, form url.Values) (value string, err error) {
	n := account.NewToken{Name: form.Get("name"), Role: hub.TokenRole(form.Get("role")), By: httpd.Of(r).Actor}
	for _, l := range tokenLives {
		if l.Days == form.Get("life") && l.life > 0 {
			n.ExpiresAt = a.Accounts.Now().Add(l.life)
		}
	}
	if n.Role == hub.TokenFineGrained {
		if n.Scopes, err = a.readScopes(r, form); err != nil {
			return "", err
		}
	}
	value, _, err = a.Accounts.CreateToken(r.Context(), httpd.Of(r).Actor.UserID, n)
	return value, err
}

// rotateToken gives a token a new value, which is shown once.
func (a *API) rotateToken(w http.ResponseWriter, r *http.Request) error {
	value, _, err := a.Accounts.RotateToken(r.Context(), httpd.Of(r).Actor, httpd.Of(r).Actor.UserID, httpd.Param(r, "token"))
	if err != nil {
		return err
	}
	showOnce(w, r, tokensPath, value, shownFor)
	seeOther(w, tokensPath)
	return nil
}

func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := a.Accounts.RevokeToken(r.Context(), httpd.Of(r).Actor.UserID, httpd.Param(r, "token")); err != nil {
		return err
	}
	seeOther(w, tokensPath+"?done=revoked")
	return nil
}
