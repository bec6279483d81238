package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/httpd"
)

const (
	keysPath    = "/settings/keys"
	maxKeyForm  = 1 << 20
	maxKeyTitle = 100
)

type keysPage struct {
	settingsPage
	SSH              []*account.SSHKey
	GPG              []*account.GPGKey
	Key, Title       field
	GPGKey, GPGTitle field
}

func (a *API) newKeysPage(r *http.Request) (keysPage, error) {
	p := keysPage{
		settingsPage: userSettings(r, keysPath),
		Key:          field{Name: "key", Label: "Public key", Rows: 4, Plain: true, Code: true, Hint: "The line of the .pub file: it begins with ssh-ed25519, ssh-rsa, ecdsa-… or sk-…"},
		Title:        field{Name: "title", Label: "Title", Max: maxKeyTitle, Optional: true, Hint: "To recognise the key by. The key's own comment if you leave it empty."},
		GPGKey:       field{Name: "gpg-key", Label: "Public key", Rows: 6, Plain: true, Code: true, Hint: "What gpg --armor --export KEY prints."},
		GPGTitle:     field{Name: "gpg-title", Label: "Title", Max: maxKeyTitle, Optional: true, Hint: "The key's first identity if you leave it empty."},
	}
	id := httpd.Of(r).Actor.UserID
	var err error
	if p.SSH, err = a.Accounts.SSHKeys(r.Context(), id); err != nil {
		return p, err
	}
	p.GPG, err = a.Accounts.GPGKeys(r.Context(), id)
	return p, err
}

func (a *API) keysPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newKeysPage(r)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "keys", p)
}

func (a *API) addKey(w http.ResponseWriter, r *http.Request) error {
	return a.newKey(w, r, func(form url.Values) error {
		by := httpd.Of(r).Actor
		_, err := a.Accounts.AddSSHKey(r.Context(), by, by.UserID, account.NewSSHKey{Title: form.Get("title"), Key: form.Get("key")})
		return err
	}, func(p *keysPage) (key, title *field) { return &p.Key, &p.Title })
}

func (a *API) addGPGKey(w http.ResponseWriter, r *http.Request) error {
	return a.newKey(w, r, func(form url.Values) error {
		by := httpd.Of(r).Actor
		_, err := a.Accounts.AddGPGKey(r.Context(), by, by.UserID, form.Get("gpg-title"), form.Get("gpg-key"))
		return err
	}, func(p *keysPage) (key, title *field) { return &p.GPGKey, &p.GPGTitle })
}

// newKey adds a key of either kind. What is refused stands in its form again, with the reason.
func (a *API) newKey(w http.ResponseWriter, r *http.Request, add func(url.Values) error, fields func(*keysPage) (key, title *field)) error {
	form, err := readFormOf(w, r, maxKeyForm)
	if err != nil {
		return err
	}
	if err = add(form); err == nil {
		seeOther(w, keysPath+"?done=key")
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newKeysPage(r)
	if err != nil {
		return err
	}
	key, title := fields(&p)
	key.Value, title.Value = form.Get(key.Name), form.Get(title.Name)
	key.Problem, key.Focus = text, true
	return write(w, r, status, "keys", p)
}

func (a *API) deleteKey(w http.ResponseWriter, r *http.Request) error {
	by := httpd.Of(r).Actor
	if err := a.Accounts.DeleteSSHKey(r.Context(), by, by.UserID, httpd.Param(r, "key")); err != nil {
		return err
	}
	seeOther(w, keysPath+"?done=key-deleted")
	return nil
}

func (a *API) deleteGPGKey(w http.ResponseWriter, r *http.Request) error {
	by := httpd.Of(r).Actor
	if err := a.Accounts.DeleteGPGKey(r.Context(), by, by.UserID, httpd.Param(r, "key")); err != nil {
		return err
	}
	seeOther(w, keysPath+"?done=key-deleted")
	return nil
}
