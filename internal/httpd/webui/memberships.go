package webui

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

type organizationsPage struct {
	settingsPage
	Orgs        []orgItem
	Invitations []invitationItem
}

type orgItem struct {
	Name, Fullname, Path, Role string
	MembersPath, LeavePath     string
	SettingsPath               string // for admins
}

// roleWords are the roles of members, as people read them.
var roleWords = map[hub.Role]string{hub.RoleNone: "no access", hub.RoleRead: "read", hub.RoleContributor: "contributor", hub.RoleWrite: "write", hub.RoleAdmin: "admin"}

func (a *API) organizationsPage(w http.ResponseWriter, r *http.Request) error {
	who, err := a.Accounts.Whoami(r.Context(), httpd.Of(r).Actor)
	if err != nil {
		return err
	}
	p := organizationsPage{settingsPage: userSettings(r, "/settings/organizations")}
	for _, m := range who.Orgs {
		item := orgItem{Name: m.Name, Fullname: m.Fullname, Path: "/" + escape(m.Name), Role: roleWords[m.Role],
			MembersPath: orgPath(m.Name, "members"), LeavePath: orgPath(m.Name, "leave")}
		if m.Role == hub.RoleAdmin {
			item.SettingsPath = orgPath(m.Name, "settings")
		}
		p.Orgs = append(p.Orgs, item)
	}
	invitations, err := a.Orgs.InvitationsFor(r.Context(), who.User.ID)
	if err != nil {
		return err
	}
	for _, i := range invitations {
		p.Invitations = append(p.Invitations, invitationItem{i, i.OrgName, roleWords[i.Role]})
	}
	return write(w, r, http.StatusOK, "organizations", p)
}
