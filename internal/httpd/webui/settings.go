package webui

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
)

// settings is the frame of a settings page, of a user as of an organisation: the part "settings" draws it.
type settings struct {
	Name    string // whose settings they are
	Title   string // what they are: names the menu
	Heading string
	Items   []settingsItem
	Done    string // what has just been done
	Problem string // what could not be
}

type settingsItem struct {
	Title, Path string
	Here        bool
}

// userItems is the menu of one's own settings.
var userItems = []settingsItem{
	{Title: "Profile", Path: profilePath},
	{Title: "Account", Path: accountPath},
	{Title: "Access tokens", Path: "/settings/tokens"},
	{Title: "SSH and GPG keys", Path: "/settings/keys"},
	{Title: "Sessions", Path: "/settings/sessions"},
	{Title: "Organizations", Path: "/settings/organizations"},
}

// done are the words after a redirect, by what ?done= says: an address cannot make a page say anything else.
var done = map[string]string{
	"key": "The key is added.", "key-deleted": "The key is deleted. It opens nothing from now on.",
	"org": "The organization is made, and you are its admin.", "saved": "Saved.", "renamed": "The organization has its new name.", "org-deleted": "The organization is deleted.",
	"left": "You are no member any more.", "joined": "You are a member now.", "declined": "The invitation is declined.",
	"member": "The member is added.", "role": "The role is changed.", "removed": "The membership has ended.",
	"invited": "The invitation is made.", "uninvited": "The invitation has ended.", "approved": "The request is approved.", "denied": "The request is denied.",
	"email": "Done. A new address counts once the link that was sent to it has been opened.", "resent": "The link is on its way once more.", "cancelled": "The address is forgotten.",
	"password": "Your password is changed, and your other sessions are over.", "my-name": "Your name is changed.",
	"profile": "Saved.", "picture": "Your picture is changed.", "picture-removed": "Your picture is removed.",
	"session": "The session is over.", "revoked": "The token is revoked. It opens nothing from now on.",
}

type settingsPage struct {
	page
	Settings settings
}

// userSettings is the frame of one of the caller's own settings pages.
func userSettings(r *http.Request, path string) settingsPage {
	st := httpd.Of(r)
	s := settings{Name: st.Actor.Name, Title: "Your settings", Done: done[r.URL.Query().Get("done")]}
	for _, item := range userItems {
		if item.Path == path {
			item.Here, s.Heading = true, item.Title
		}
		s.Items = append(s.Items, item)
	}
	return settingsPage{page: newPage(r, s.Heading), Settings: s}
}

func (a *API) settingsRoutes() []httpd.Route {
	get, post, own := http.MethodGet, http.MethodPost, authz.Account
	return []httpd.Route{
		{ID: "settingsPage", Method: get, Path: "/settings", Right: own, Handler: settingsStart},
		{ID: "keysPage", Method: get, Path: "/settings/keys", Right: own, Handler: a.keysPage},
		{ID: "addKeyForm", Method: post, Path: "/settings/keys", Right: own, Handler: a.addKey},
		{ID: "deleteKeyForm", Method: post, Path: "/settings/keys/{key}/delete", Right: own, Handler: a.deleteKey},
		{ID: "addGpgKeyForm", Method: post, Path: "/settings/gpg-keys", Right: own, Handler: a.addGPGKey},
		{ID: "deleteGpgKeyForm", Method: post, Path: "/settings/gpg-keys/{key}/delete", Right: own, Handler: a.deleteGPGKey},
		{ID: "sessionsPage", Method: get, Path: "/settings/sessions", Right: own, Handler: a.sessionsPage},
		{ID: "endSessionForm", Method: post, Path: "/settings/sessions/{session}/end", Right: own, Handler: a.endOneSession},
		{ID: "organizationsPage", Method: get, Path: "/settings/organizations", Right: own, Handler: a.organizationsPage},
		{ID: "tokensPage", Method: get, Path: "/settings/tokens", Right: own, Handler: a.tokensPage},
		{ID: "createTokenForm", Method: post, Path: "/settings/tokens", Right: own, Handler: a.createToken},
		{ID: "rotateTokenForm", Method: post, Path: "/settings/tokens/{token}/rotate", Right: own, Handler: a.rotateToken},
		{ID: "revokeTokenForm", Method: post, Path: "/settings/tokens/{token}/revoke", Right: own, Handler: a.revokeToken},
	}
}

func settingsStart(w http.ResponseWriter, r *http.Request) error {
	seeOther(w, userItems[0].Path)
	return nil
}
