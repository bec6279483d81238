package adminapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/httpd"
)

// proofRoutes are over what users prove themselves by. Nothing here shows a secret: it is not kept.
func (a *API) proofRoutes() []httpd.Route {
	get, del := http.MethodGet, http.MethodDelete
	return []httpd.Route{
		{ID: "adminListSessions", Method: get, Path: "/users/{account}/sessions", Handler: a.listSessions},
		{ID: "adminEndSession", Method: del, Path: "/users/{account}/sessions/{session}", Handler: a.endSession},
		{ID: "adminListTokens", Method: get, Path: "/users/{account}/tokens", Handler: a.listTokens},
		{ID: "adminRevokeToken", Method: del, Path: "/users/{account}/tokens/{token}", Handler: a.revokeToken},
		{ID: "adminListKeys", Method: get, Path: "/users/{account}/keys", Handler: a.listKeys},
		{ID: "adminDeleteKey", Method: del, Path: "/users/{account}/keys/{key}", Handler: a.deleteKey},
	}
}

type sessionAnswer struct {
	ID        string  `json:"id"`
	UserAgent string  `json:"userAgent"`
	CreatedAt *string `json:"createdAt"`
	ExpiresAt *string `json:"expiresAt"`
}

func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	sessions, err := a.Hub.Accounts.Sessions(r.Context(), u.ID)
	if err != nil {
		return err
	}
	list := make([]sessionAnswer, len(sessions))
	for i, s := range sessions {
		list[i] = sessionAnswer{s.ID, s.UserAgent, date(s.CreatedAt), date(s.ExpiresAt)}
	}
	return httpd.JSON(w, r, http.StatusOK, list)
}

func (a *API) endSession(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Accounts.RevokeSession(r.Context(), u.ID, httpd.Param(r, "session")))
}

type tokenAnswer struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Role       string  `json:"role"`
	Hint       string  `json:"hint"`
	CreatedAt  *string `json:"createdAt"`
	LastUsedAt *string `json:"lastUsedAt,omitempty"`
	ExpiresAt  *string `json:"expiresAt,omitempty"`
}

func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	tokens, err := a.Hub.Accounts.Tokens(r.Context(), u.ID)
	if err != nil {
		return err
	}
	list := make([]tokenAnswer, len(tokens))
	for i, t := range tokens {
		list[i] = tokenAnswer{t.ID, t.Name, string(t.Role), t.Hint, date(t.CreatedAt), date(t.LastUsedAt), date(t.ExpiresAt)}
	}
	return httpd.JSON(w, r, http.StatusOK, list)
}

func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Accounts.RevokeToken(r.Context(), u.ID, httpd.Param(r, "token")))
}

type keyAnswer struct {
	ID          string  `json:"id"`
	Kind        string  `json:"kind"` // ssh, gpg
	Title       string  `json:"title"`
	Fingerprint string  `json:"fingerprint"`
	CreatedAt   *string `json:"createdAt"`
	LastUsedAt  *string `json:"lastUsedAt,omitempty"`
}

func (a *API) listKeys(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	keys, err := a.Hub.Accounts.SSHKeys(r.Context(), u.ID)
	if err != nil {
		return err
	}
	gpg, err := a.Hub.Accounts.GPGKeys(r.Context(), u.ID)
	if err != nil {
		return err
	}
	list := make([]keyAnswer, 0, len(keys)+len(gpg))
	for _, k := range keys {
		list = append(list, keyAnswer{k.ID, "ssh", k.Title, k.Fingerprint, date(k.CreatedAt), date(k.LastUsedAt)})
	}
	for _, k := range gpg {
		list = append(list, keyAnswer{k.ID, "gpg", k.Title, k.Fingerprint, date(k.CreatedAt), nil})
	}
	return httpd.JSON(w, r, http.StatusOK, list)
}

// deleteKey takes a key of either kind: ids are never the same.
func (a *API) deleteKey(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	id, actor := httpd.Param(r, "key"), httpd.Of(r).Actor
	gpg, err := a.Hub.Accounts.GPGKeys(r.Context(), u.ID)
	if err != nil {
		return err
	}
	for _, k := range gpg {
		if k.ID == id {
			return ok(w, r, a.Hub.Accounts.DeleteGPGKey(r.Context(), actor, u.ID, id))
		}
	}
	return ok(w, r, a.Hub.Accounts.DeleteSSHKey(r.Context(), actor, u.ID, id))
}
