package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

const membersOnPage = 50

// allRoles are the roles of members from none to all, grantedRoles those that somebody can be invited with.
var (
	allRoles     = []hub.Role{hub.RoleNone, hub.RoleRead, hub.RoleContributor, hub.RoleWrite, hub.RoleAdmin}
	grantedRoles = allRoles[1:]
)

type roleChoice struct {
	Value, Text string
	Chosen      bool
}

func roleChoices(roles []hub.Role, chosen hub.Role) []roleChoice {
	out := make([]roleChoice, len(roles))
	for i, role := range roles {
		out[i] = roleChoice{string(role), roleWords[role], role == chosen}
	}
	return out
}

type membersPage struct {
	settingsPage
	Path, Search string
	Admin        bool
	Members      []memberItem
	NextPath     string
	Username     field
	Roles        []roleChoice
}

type memberItem struct {
	org.Member
	Path  string
	Role  string
	Self  bool
	Roles []roleChoice
}

func (a *API) newMembersPage(r *http.Request) (membersPage, error) {
	st, admin, v := httpd.Of(r), a.isOrgAdmin(r), r.URL.Query()
	p := membersPage{
		settingsPage: orgSettings(r, st.Owner.Name, "members", admin), Path: orgPath(st.Owner.Name, "members"), Search: v.Get("search"), Admin: admin,
		Username: field{Name: "username", Label: "User name", Plain: true, Max: maxUsername, Autocomplete: "off"}, Roles: roleChoices(allRoles, hub.RoleRead),
	}
	members, next, err := a.Orgs.Members(r.Context(), st.Owner.ID, org.MemberQuery{Search: p.Search, WithNoAccess: admin,
		Page: hub.Page{Limit: membersOnPage, Cursor: v.Get("cursor")}})
	if err != nil {
		return p, err
	}
	for _, m := range members {
		p.Members = append(p.Members, memberItem{Member: m, Path: "/" + escape(m.Name), Role: roleWords[m.Role], Self: m.UserID == st.Actor.UserID, Roles: roleChoices(allRoles, m.Role)})
	}
	if next != "" {
		p.NextPath = p.Path + "?" + url.Values{"search": {p.Search}, "cursor": {next}}.Encode()
	}
	return p, nil
}

func (a *API) membersPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newMembersPage(r)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "members", p)
}

// membersForm does what one of the forms of the page asks.
func (a *API) membersForm(w http.ResponseWriter, r *http.Request, said string, do func(form url.Values) error) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err = do(form); err == nil {
		seeOther(w, orgPath(httpd.Of(r).Owner.Name, "members")+"?done="+said)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newMembersPage(r)
	if err != nil {
		return err
	}
	if name, given := form["username"]; given {
		p.Username.Value, p.Username.Problem, p.Username.Focus = name[0], text, true
		p.Roles = roleChoices(allRoles, hub.Role(form.Get("role")))
	} else {
		p.Settings.Problem = text
	}
	return write(w, r, status, "members", p)
}

func (a *API) addMember(w http.ResponseWriter, r *http.Request) error {
	return a.membersForm(w, r, "member", func(form url.Values) error {
		u, err := a.Accounts.Get(r.Context(), form.Get("username"))
		if errs.Is(err, errs.NotFound) {
			return errs.New(errs.Unprocessable, "There is no user of this name")
		}
		if err != nil {
			return err
		}
		return a.Orgs.AddMember(r.Context(), httpd.Of(r).Owner.ID, u.ID, hub.Role(form.Get("role")))
	})
}

func (a *API) memberRole(w http.ResponseWriter, r *http.Request) error {
	return a.membersForm(w, r, "role", func(form url.Values) error {
		id, err := a.orgUser(r)
		if err != nil {
			return err
		}
		return a.Orgs.SetRole(r.Context(), httpd.Of(r).Owner.ID, id, hub.Role(form.Get("role")))
	})
}

func (a *API) removeMember(w http.ResponseWriter, r *http.Request) error {
	return a.membersForm(w, r, "removed", func(url.Values) error {
		id, err := a.orgUser(r)
		if err != nil {
			return err
		}
		return a.Orgs.RemoveMember(r.Context(), httpd.Of(r).Owner.ID, id)
	})
}
