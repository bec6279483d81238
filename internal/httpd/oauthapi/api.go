package oauthapi

import (
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/oauth"
)

// API serves the routes below /oauth.
type API struct {
	OAuth    *oauth.Service
	Accounts *account.Service
	// Avatar is where a picture is served: hubapi.AvatarURL.
	Avatar func(origin, name string) string
	// Addr is where a request comes from: (*httpd.Server).Addr.
	Addr func(r *http.Request) netip.Addr
}

// Routes is the table.
func (a *API) Routes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	return []httpd.Route{
		{ID: "startDevice", Method: post, Path: "/oauth/device", Right: authz.Public, Render: render, Handler: a.device},
		{ID: "oauthToken", Method: post, Path: "/oauth/token", Right: authz.Public, Render: render, Handler: a.token},
		{ID: "userinfo", Method: get, Path: "/oauth/userinfo", Right: authz.SignedIn, Handler: a.userinfo},
		{ID: "postUserinfo", Method: post, Path: "/oauth/userinfo", Right: authz.SignedIn, Handler: a.userinfo},
	}
}

const maxBody = 16 << 10

// read takes the parameters of a request: a form, as the RFCs have it, or a JSON object, as the Hub's document has it. A
// parameter that is sent twice is refused, as RFC 6749 demands.
func read(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/json" {
		var b map[string]any
		if err := httpd.ReadJSON(w, r, maxBody, &b); err != nil {
			return nil, err
		}
		form := url.Values{}
		for k, v := range b {
			if s, ok := v.(string); ok {
				form.Set(k, s)
			}
		}
		return form, nil
	}
	b, err := httpd.ReadBody(w, r, maxBody)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequest, "The form is not valid.")
	}
	for k, v := range form {
		if len(v) > 1 {
			return nil, oauth.Refuse(oauth.InvalidRequest, "A parameter is sent more than once: %.40q.", k)
		}
	}
	return form, nil
}

// fail writes what package oauth refuses; all else is the transport's to render.
func fail(w http.ResponseWriter, r *http.Request, err error) error {
	var no *oauth.Refusal
	if !errors.As(err, &no) {
		return err
	}
	write(w, r, http.StatusBadRequest, no.Code, no.Text)
	return nil
}

func write(w http.ResponseWriter, r *http.Request, status int, code, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Error-Message", text)
	_ = httpd.JSON(w, r, status, map[string]any{"error": code, "error_description": text})
}

// render gives the transport's errors the codes of RFC 6749. Clients give up on codes that they do not know, so those for
// a little later say what makes them come back.
func render(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	code := oauth.InvalidRequest
	switch {
	case e.Kind == errs.RateLimited:
		code = oauth.SlowDown
	case e.Kind == errs.Unavailable:
		code = "temporarily_unavailable"
	case status >= http.StatusInternalServerError:
		code = "server_error"
	case status == http.StatusUnauthorized:
		code = oauth.InvalidClient
	}
	_ = httpd.JSON(w, r, status, map[string]any{"error": code, "error_description": e.Msg})
}

func (a *API) from(r *http.Request) oauth.Origin {
	return oauth.Origin{Addr: a.Addr(r), Agent: r.UserAgent()}
}
