package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

const (
	maxOrgName     = 42
	maxOrgFullname = 128
	invitationPath = "/organizations/invitation" // with ?code=, as e-mails and org's letters have it
)

// orgRoutes are the pages of an organisation's settings, and those by which somebody comes in or goes.
func (a *API) orgRoutes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	of := "/organizations/{name}"
	return []httpd.Route{
		{ID: "newOrganizationPage", Method: get, Path: "/organizations/new", Right: authz.SignedIn, Handler: a.newOrgPage},
		{ID: "newOrganizationForm", Method: post, Path: "/organizations/new", Right: authz.Write, Handler: a.newOrg},
		{ID: "organizationSettingsPage", Method: get, Path: of + "/settings", Right: authz.OwnerSettingsRead, Handler: a.orgPage},
		{ID: "organizationSettingsForm", Method: post, Path: of + "/settings", Right: authz.OwnerAdmin, Handler: a.changeOrg},
		{ID: "renameOrganizationForm", Method: post, Path: of + "/rename", Right: authz.OwnerAdmin, Handler: a.renameOrg},
		{ID: "deleteOrganizationForm", Method: post, Path: of + "/delete", Right: authz.OwnerAdmin, Handler: a.deleteOrg},
		{ID: "membersPage", Method: get, Path: of + "/members", Right: authz.OwnerMember, Handler: a.membersPage},
		{ID: "addMemberForm", Method: post, Path: of + "/members", Right: authz.OwnerAdmin, Handler: a.addMember},
		{ID: "memberRoleForm", Method: post, Path: of + "/members/{username}/role", Right: authz.OwnerAdmin, Handler: a.memberRole},
		{ID: "removeMemberForm", Method: post, Path: of + "/members/{username}/remove", Right: authz.OwnerAdmin, Handler: a.removeMember},
		{ID: "leaveOrganizationForm", Method: post, Path: of + "/leave", Right: authz.OwnerFollow, Handler: a.leaveOrg},
		{ID: "invitationsPage", Method: get, Path: of + "/invitations", Right: authz.OwnerSettingsRead, Handler: a.invitationsPage},
		{ID: "inviteForm", Method: post, Path: of + "/invitations", Right: authz.OwnerAdmin, Handler: a.invite},
		{ID: "revokeInvitationForm", Method: post, Path: of + "/invitations/{invitation}/revoke", Right: authz.OwnerAdmin, Handler: a.revokeInvitation},
		{ID: "answerJoinRequestForm", Method: post, Path: of + "/join-requests/{username}", Right: authz.OwnerAdmin, Handler: a.answerJoinRequest},
		{ID: "joinRequestPage", Method: get, Path: of + "/join", Right: authz.OwnerRead, Handler: a.joinRequestPage},
		{ID: "joinRequestForm", Method: post, Path: of + "/join", Right: authz.OwnerFollow, Handler: a.joinRequest},
		{ID: "invitationPage", Method: get, Path: invitationPath, Right: authz.SignedIn, Handler: a.invitationPage},
		{ID: "invitationForm", Method: post, Path: invitationPath, Right: authz.Write, Handler: a.answerInvitation},
	}
}

// orgPath is the address of one of an organisation's settings pages.
func orgPath(name, page string) string { return "/organizations/" + escape(name) + "/" + page }

var orgItems = []struct{ title, page string }{{"General", "settings"}, {"Members", "members"}, {"Invitations", "invitations"}}

// orgSettings is the frame of one of an organisation's settings pages; members who are no admins see the list of members.
func orgSettings(r *http.Request, name, here string, admin bool) settingsPage {
	s := settings{Name: name, Title: "The organization's settings", Done: done[r.URL.Query().Get("done")]}
	for _, item := range orgItems {
		if item.page == here {
			s.Heading = item.title
		}
		if admin || item.page == here {
			s.Items = append(s.Items, settingsItem{Title: item.title, Path: orgPath(name, item.page), Here: item.page == here})
		}
	}
	return settingsPage{page: newPage(r, s.Heading+" · "+name), Settings: s}
}

// isOrgAdmin reports whether the caller sees what is for admins of the organisation that the path names.
func (a *API) isOrgAdmin(r *http.Request) bool {
	st := httpd.Of(r)
	return a.Authz.Owner(r.Context(), st.Actor, st.Owner, authz.OwnerSettingsRead) == nil
}

// orgLinks are where an organisation's page leads its members, and those who would be.
func (a *API) orgLinks(r *http.Request, owner account.Owner) ([]settingsItem, error) {
	by := httpd.Of(r).Actor
	has := func(right authz.Right) bool { return a.Authz.Owner(r.Context(), by, owner, right) == nil }
	switch {
	case has(authz.OwnerSettingsRead):
		return []settingsItem{{Title: "Members", Path: orgPath(owner.Name, "members")}, {Title: "Settings", Path: orgPath(owner.Name, "settings")}}, nil
	case has(authz.OwnerMember):
		return []settingsItem{{Title: "Members", Path: orgPath(owner.Name, "members")}}, nil
	}
	o, err := a.Orgs.GetByID(r.Context(), owner.ID)
	if err != nil || !o.JoinRequests {
		return nil, err
	}
	return []settingsItem{{Title: "Ask to join", Path: orgPath(owner.Name, "join")}}, nil
}

type newOrganizationPage struct {
	page
	Name, Fullname field
}

func newOrgForm(r *http.Request) newOrganizationPage {
	return newOrganizationPage{page: newPage(r, "New organization"),
		Name:     field{Name: "name", Label: "Name", Max: maxOrgName, Plain: true, Autocomplete: "off", Hint: "It stands in the address of each of its repositories: letters, digits, '-', '_' and '.'"},
		Fullname: field{Name: "fullname", Label: "Full name", Max: maxOrgFullname, Optional: true, Autocomplete: "off"}}
}

func (a *API) newOrgPage(w http.ResponseWriter, r *http.Request) error {
	if err := a.Orgs.MayCreate(r.Context(), a.Authz.SiteAdminProof(httpd.Of(r).Actor)); err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "newOrganization", newOrgForm(r))
}

func (a *API) newOrg(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	by := httpd.Of(r).Actor
	siteAdmin := a.Authz.SiteAdminProof(by)
	if err := a.Orgs.MayCreate(r.Context(), siteAdmin); err != nil {
		return err
	}
	o, err := a.Orgs.Create(r.Context(), org.NewOrg{Name: form.Get("name"), Fullname: form.Get("fullname"), AdminID: by.UserID, Bounded: !siteAdmin})
	if err == nil {
		seeOther(w, orgPath(o.Name, "settings")+"?done=org")
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p := newOrgForm(r)
	p.Name.Value, p.Fullname.Value, p.Name.Problem, p.Name.Focus = form.Get("name"), form.Get("fullname"), text, true
	return write(w, r, status, "newOrganization", p)
}

type orgPage struct {
	settingsPage
	Path        string // of the organisation's settings, without a page's name
	Org         *org.Org
	Fullname    field
	NewName     field
	Confirm     field
	CreateRoles []hub.Role
	WithRepos   bool
}

func (a *API) newOrgPageOf(r *http.Request) (orgPage, error) {
	o, err := a.Orgs.GetByID(r.Context(), httpd.Of(r).Owner.ID)
	if err != nil {
		return orgPage{}, err
	}
	return orgPage{
		settingsPage: orgSettings(r, o.Name, "settings", true), Path: "/organizations/" + escape(o.Name), Org: o,
		Fullname:    field{Name: "fullname", Label: "Full name", Value: o.Fullname, Max: maxOrgFullname, Optional: true, Autocomplete: "off"},
		NewName:     field{Name: "name", Label: "New name", Max: maxOrgName, Plain: true, Autocomplete: "off", Hint: "Old addresses of repositories lead to the new ones. Nobody else gets the old name for 90 days."},
		Confirm:     field{Name: "confirm", Label: "Type the name " + o.Name + " to confirm", Plain: true, Autocomplete: "off"},
		CreateRoles: []hub.Role{hub.RoleContributor, hub.RoleWrite, hub.RoleAdmin},
	}, nil
}

func (a *API) orgPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newOrgPageOf(r)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "organization", p)
}

// orgForm does what one of the forms of the page asks. What is refused stands in its form again, with the reason.
func (a *API) orgForm(w http.ResponseWriter, r *http.Request, do func(form url.Values) (next string, err error), show func(p *orgPage, form url.Values, problem string)) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	next, err := do(form)
	if err == nil {
		seeOther(w, next)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newOrgPageOf(r)
	if err != nil {
		return err
	}
	show(&p, form, text)
	return write(w, r, status, "organization", p)
}

func (a *API) changeOrg(w http.ResponseWriter, r *http.Request) error {
	return a.orgForm(w, r, func(form url.Values) (string, error) {
		o, err := a.Orgs.Change(r.Context(), httpd.Of(r).Owner.ID, orgChange(form))
		if err != nil {
			return "", err
		}
		return orgPath(o.Name, "settings") + "?done=saved", nil
	}, func(p *orgPage, form url.Values, problem string) {
		p.Fullname.Value, p.Fullname.Problem, p.Fullname.Focus = form.Get("fullname"), problem, true
	})
}

// orgChange reads the form, which holds all settings: a box that is not ticked is not sent.
func orgChange(form url.Values) org.Change {
	name, visibility, role := form.Get("fullname"), hub.Visibility(form.Get("default")), hub.Role(form.Get("create"))
	box := func(name string) *bool {
		v := form.Get(name) != ""
		return &v
	}
	return org.Change{Fullname: &name, DefaultVisibility: &visibility, CreateRole: &role,
		ForcePrivate: box("private"), MembersPublic: box("members"), JoinRequests: box("requests")}
}

func (a *API) renameOrg(w http.ResponseWriter, r *http.Request) error {
	return a.orgForm(w, r, func(form url.Values) (string, error) {
		o, err := a.Orgs.Rename(r.Context(), httpd.Of(r).Owner.ID, form.Get("name"))
		if err != nil {
			return "", err
		}
		return orgPath(o.Name, "settings") + "?done=renamed", nil
	}, func(p *orgPage, form url.Values, problem string) {
		p.NewName.Value, p.NewName.Problem, p.NewName.Focus = form.Get("name"), problem, true
	})
}

func (a *API) deleteOrg(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	return a.orgForm(w, r, func(form url.Values) (string, error) {
		return "/settings/organizations?done=org-deleted", a.Orgs.Delete(r.Context(), st.Actor, st.Owner.ID,
			org.Removal{Confirm: form.Get("confirm"), WithRepos: form.Get("repositories") != ""})
	}, func(p *orgPage, form url.Values, problem string) {
		p.Confirm.Value, p.Confirm.Problem, p.Confirm.Focus = form.Get("confirm"), problem, true
		p.WithRepos = form.Get("repositories") != ""
	})
}

func (a *API) leaveOrg(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Orgs.Leave(r.Context(), st.Owner.ID, st.Actor.UserID); err != nil {
		return err
	}
	seeOther(w, "/settings/organizations?done=left")
	return nil
}

// orgUser finds the user whom a path names; one who is not there is as good as one who is no member.
func (a *API) orgUser(r *http.Request) (string, error) {
	u, err := a.Accounts.Get(r.Context(), httpd.Param(r, "username"))
	if errs.Is(err, errs.NotFound) {
		return "", errs.New(errs.NotFound, "This user is not in the list any more.")
	}
	if err != nil {
		return "", err
	}
	return u.ID, nil
}
