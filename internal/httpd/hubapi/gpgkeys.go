package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
)

const maxGPGKeyBody = 1 << 20

// gpgKeyRoutes are the caller's OpenPGP keys.
func (a *API) gpgKeyRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "listGpgKeys", Method: http.MethodGet, Path: "/api/user/gpg_keys", Right: authz.SignedIn, Handler: a.listGPGKeys},
		{ID: "addGpgKey", Method: http.MethodPost, Path: "/api/user/gpg_keys", Right: authz.Account, Handler: a.addGPGKey},
		{ID: "deleteGpgKey", Method: http.MethodDelete, Path: "/api/user/gpg_keys/{key}", Right: authz.Account, Handler: a.deleteGPGKey},
	}
}

type gpgKeyAnswer struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Fingerprint string   `json:"fingerprint"`
	KeyID       string   `json:"keyId"`
	Subkeys     []string `json:"subkeys"`
	Emails      []string `json:"emails"`
	Key         string   `json:"key"`
	CreatedAt   string   `json:"createdAt"`
	ExpiresAt   *string  `json:"expiresAt"`
	Revoked     bool     `json:"revoked"`
}

func gpgKeyOf(k *account.GPGKey) gpgKeyAnswer {
	out := gpgKeyAnswer{ID: k.ID, Title: k.Title, Fingerprint: k.Fingerprint, KeyID: k.KeyIDs[0], Subkeys: append([]string{}, k.KeyIDs[1:]...),
		Emails: append([]string{}, k.Emails...), Key: k.Armored, CreatedAt: content.Date(k.CreatedAt), Revoked: k.Revoked}
	if !k.ExpiresAt.IsZero() {
		at := content.Date(k.ExpiresAt)
		out.ExpiresAt = &at
	}
	return out
}

func (a *API) listGPGKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.Accounts.GPGKeys(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return err
	}
	out := make([]gpgKeyAnswer, len(keys))
	for i, k := range keys {
		out[i] = gpgKeyOf(k)
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) addGPGKey(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Title string `json:"title"`
		Key   string `json:"key"`
	}
	if err := httpd.ReadJSON(w, r, maxGPGKeyBody, &b); err != nil {
		return err
	}
	by := httpd.Of(r).Actor
	k, err := a.Accounts.AddGPGKey(r.Context(), by, by.UserID, b.Title, b.Key)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, gpgKeyOf(k))
}

func (a *API) deleteGPGKey(w http.ResponseWriter, r *http.Request) error {
	by := httpd.Of(r).Actor
	if err := a.Accounts.DeleteGPGKey(r.Context(), by, by.UserID, httpd.Param(r, "key")); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}
