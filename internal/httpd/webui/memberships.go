package webui

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

type organizationsPage struct {
	settingsPage
	Orgs []orgItem
}

type orgItem struct{ Name, Fullname, Path, Role string }

// roleWords are the roles of members, as people read them.
var roleWords = map[hub.Role]string{hub.RoleNone: "no access", hub.RoleRead: "read", hub.RoleContributor: "contributor", hub.RoleWrite: "write", hub.RoleAdmin: "admin"}

func (a *API) organizationsPage(w http.ResponseWriter, r *http.Request) error {
	who, err := a.Accounts.Whoami(r.Context(), httpd.Of(r).Actor)
	if err != nil {
		return err
	}
	p := organizationsPage{settingsPage: userSettings(r, "/settings/organizations")}
	for _, m := range who.Orgs {
		p.Orgs = append(p.Orgs, orgItem{Name: m.Name, Fullname: m.Fullname, Path: "/" + escape(m.Name), Role: roleWords[m.Role]})
	}
	return write(w, r, http.StatusOK, "organizations", p)
}
