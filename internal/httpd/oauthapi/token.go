package oauthapi

import (
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/oauth"
)

type deviceAnswer struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	ExpiresIn       int    `json:"expires_in"`
}

// device begins a login. There is no verification_uri_complete: a link that brings its code along is what somebody who
// wants another's account would send.
func (a *API) device(w http.ResponseWriter, r *http.Request) error {
	form, err := read(w, r)
	if err != nil {
		return fail(w, r, err)
	}
	c, err := a.OAuth.Start(r.Context(), form.Get("client_id"), form.Get("scope"), a.from(r))
	if err != nil {
		return fail(w, r, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, deviceAnswer{DeviceCode: c.Device, UserCode: c.User,
		VerificationURI: httpd.Of(r).Origin + "/device", ExpiresIn: int(c.Life / time.Second)})
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

func (a *API) token(w http.ResponseWriter, r *http.Request) error {
	form, err := read(w, r)
	if err != nil {
		return fail(w, r, err)
	}
	var t oauth.Tokens
	switch form.Get("grant_type") {
	case deviceGrant:
		t, err = a.OAuth.Poll(r.Context(), form.Get("client_id"), form.Get("device_code"))
	case "refresh_token":
		t, err = a.OAuth.Refresh(r.Context(), form.Get("client_id"), form.Get("refresh_token"))
	case "":
		err = oauth.Refuse(oauth.InvalidRequest, "grant_type is missing.")
	default:
		err = oauth.Refuse(oauth.UnsupportedGrant, "This hub gives tokens for device codes and refresh tokens.")
	}
	if err != nil {
		return fail(w, r, err)
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, tokenAnswer{AccessToken: t.Access, TokenType: "bearer", ExpiresIn: int(t.Life / time.Second),
		RefreshToken: t.Refresh, Scope: t.Scope})
}
