package webui

import (
	"net/http"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	tokensPath   = "/settings/tokens"
	maxTokenName = 128
	// shownCookie carries a new token from the form to the page that shows it, once. The hub does not keep it.
	shownCookie = "cairn_shown"
	shownFor    = 60 // seconds
)

type tokensPage struct {
	settingsPage
	Tokens []tokenItem
	Shown  string // the value of a token that was made just now
	Name   field
	Role   string
	Life   string
	Lives  []tokenLife
}

type tokenItem struct {
	*account.Token
	Over bool // it has expired
}

type tokenLife struct {
	Days, Text string
	life       time.Duration // 0: for ever
}

const day = 24 * time.Hour

var tokenLives = []tokenLife{
	{"7", "7 days", 7 * day}, {"30", "30 days", 30 * day}, {"90", "90 days", 90 * day}, {"365", "a year", 365 * day}, {"0", "until it is revoked", 0},
}

func (a *API) newTokensPage(r *http.Request) (tokensPage, error) {
	p := tokensPage{
		settingsPage: userSettings(r, tokensPath), Role: string(hub.TokenRead), Life: "90", Lives: tokenLives,
		Name: field{Name: "name", Label: "Name", Max: maxTokenName, Autocomplete: "off", Hint: "What it is for, such as the machine that uses it."},
	}
	tokens, err := a.Accounts.Tokens(r.Context(), httpd.Of(r).Actor.UserID)
	for _, t := range tokens {
		p.Tokens = append(p.Tokens, tokenItem{t, !t.ExpiresAt.IsZero() && t.ExpiresAt.Before(time.Now())})
	}
	return p, err
}

func (a *API) tokensPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newTokensPage(r)
	if err != nil {
		return err
	}
	if c, err := r.Cookie(shownCookie); err == nil && strings.HasPrefix(c.Value, "hf_") {
		p.Shown = c.Value
		showOnce(w, r, "", -1)
		w.Header().Set("Cache-Control", "no-store")
	}
	return write(w, r, http.StatusOK, "tokens", p)
}

func showOnce(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the hub is reached by https; at home it may be http
		Name: shownCookie, Value: value, Path: tokensPath, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(httpd.Of(r).Origin, "https://"),
	})
}

func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	n := account.NewToken{Name: form.Get("name"), Role: hub.TokenRole(form.Get("role"))}
	for _, l := range tokenLives {
		if l.Days == form.Get("life") && l.life > 0 {
			n.ExpiresAt = time.Now().Add(l.life)
		}
	}
	value, _, err := a.Accounts.CreateToken(r.Context(), httpd.Of(r).Actor.UserID, n)
	if err == nil {
		showOnce(w, r, value, shownFor)
		seeOther(w, tokensPath)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newTokensPage(r)
	if err != nil {
		return err
	}
	p.Name.Value, p.Name.Problem, p.Name.Focus = form.Get("name"), text, true
	p.Role, p.Life = form.Get("role"), form.Get("life")
	return write(w, r, status, "tokens", p)
}

func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := a.Accounts.RevokeToken(r.Context(), httpd.Of(r).Actor.UserID, httpd.Param(r, "token")); err != nil {
		return err
	}
	seeOther(w, tokensPath+"?done=revoked")
	return nil
}
