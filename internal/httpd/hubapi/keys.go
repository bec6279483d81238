package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
)

const maxKeyBody = 64 << 10

// keyRoutes are the SSH keys of the caller and of a repository.
func (a *API) keyRoutes() []httpd.Route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	return []httpd.Route{
		{ID: "listKeys", Method: get, Path: "/api/user/keys", Right: authz.SignedIn, Handler: a.listKeys},
		{ID: "addKey", Method: post, Path: "/api/user/keys", Right: authz.Account, Handler: a.addKey},
		{ID: "deleteKey", Method: del, Path: "/api/user/keys/{key}", Right: authz.Account, Handler: a.deleteKey},
		{ID: "listDeployKeys", Method: get, Path: repoPath + "/keys", Right: authz.RepoSettings, Handler: a.listDeployKeys},
		{ID: "addDeployKey", Method: post, Path: repoPath + "/keys", Right: authz.RepoKeyAdd, Handler: a.addDeployKey},
		{ID: "deleteDeployKey", Method: del, Path: repoPath + "/keys/{key}", Right: authz.RepoSettings, Handler: a.deleteDeployKey},
	}
}

type keyAnswer struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	Algorithm   string  `json:"algorithm"`
	Key         string  `json:"key"`
	Fingerprint string  `json:"fingerprint"`
	Write       *bool   `json:"write,omitempty"` // of a deploy key
	CreatedAt   string  `json:"createdAt"`
	LastUsedAt  *string `json:"lastUsedAt"`
}

func keyOf(k *account.SSHKey) keyAnswer {
	out := keyAnswer{ID: k.ID, Title: k.Title, Algorithm: k.Algorithm, Key: k.PublicKey, Fingerprint: k.Fingerprint, CreatedAt: content.Date(k.CreatedAt)}
	if k.RepoID != "" {
		out.Write = &k.MayWrite
	}
	if !k.LastUsedAt.IsZero() {
		at := content.Date(k.LastUsedAt)
		out.LastUsedAt = &at
	}
	return out
}

func keysOf(keys []*account.SSHKey) []keyAnswer {
	out := make([]keyAnswer, len(keys))
	for i, k := range keys {
		out[i] = keyOf(k)
	}
	return out
}

func readKey(w http.ResponseWriter, r *http.Request) (account.NewSSHKey, error) {
	var b struct {
		Title string `json:"title"`
		Key   string `json:"key"`
		Write bool   `json:"write"`
	}
	err := httpd.ReadJSON(w, r, maxKeyBody, &b)
	return account.NewSSHKey{Title: b.Title, Key: b.Key, MayWrite: b.Write}, err
}

func (a *API) listKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.Accounts.SSHKeys(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, keysOf(keys))
}

func (a *API) addKey(w http.ResponseWriter, r *http.Request) error {
	n, err := readKey(w, r)
	if err != nil {
		return err
	}
	by := httpd.Of(r).Actor
	k, err := a.Accounts.AddSSHKey(r.Context(), by, by.UserID, n)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, keyOf(k))
}

func (a *API) deleteKey(w http.ResponseWriter, r *http.Request) error {
	by := httpd.Of(r).Actor
	if err := a.Accounts.DeleteSSHKey(r.Context(), by, by.UserID, httpd.Param(r, "key")); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

func (a *API) listDeployKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := a.Accounts.DeployKeys(r.Context(), httpd.Of(r).Repo.RowID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, keysOf(keys))
}

func (a *API) addDeployKey(w http.ResponseWriter, r *http.Request) error {
	n, err := readKey(w, r)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	k, err := a.Accounts.AddDeployKey(r.Context(), st.Actor, st.Repo.Row(), n)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, keyOf(k))
}

func (a *API) deleteDeployKey(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Accounts.DeleteDeployKey(r.Context(), st.Actor, st.Repo.Row(), httpd.Param(r, "key")); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}
