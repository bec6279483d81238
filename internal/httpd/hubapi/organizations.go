package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

const (
	maxOrgBody = 64 << 10
	orgPath    = "/api/organizations/{name}"
)

// organizationRoutes make, change and delete organisations, and say who their members are. The Hub does the first on its
// pages only; the paths are ours.
func (a *API) organizationRoutes() []httpd.Route {
	get, post, put, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	member := orgPath + "/members/{username}"
	return []httpd.Route{
		{ID: "createOrganization", Method: post, Path: "/api/organizations", Right: authz.Write, Handler: a.createOrganization},
		{ID: "createOrganization", Method: post, Path: "/org/create", Right: authz.Write, Handler: a.createOrganization},
		{ID: "deleteOrganization", Method: del, Path: orgPath, Right: authz.OwnerAdmin, Handler: a.deleteOrganization},
		{ID: "renameOrganization", Method: post, Path: orgPath + "/rename", Right: authz.OwnerAdmin, Handler: a.renameOrganization},
		{ID: "getOrganizationSettings", Method: get, Path: orgPath + "/settings", Right: authz.OwnerSettingsRead, Handler: a.organizationSettings},
		{ID: "changeOrganizationSettings", Method: http.MethodPatch, Path: orgPath + "/settings", Right: authz.OwnerAdmin, Handler: a.changeOrganizationSettings},
		{ID: "listMembers", Method: get, Path: orgPath + "/members", Right: authz.OwnerRead, Handler: a.listMembers},
		{ID: "addMember", Method: post, Path: orgPath + "/members", Right: authz.OwnerAdmin, Handler: a.addMember},
		{ID: "setMemberRole", Method: put, Path: member + "/role", Right: authz.OwnerAdmin, Handler: a.setMemberRole},
		{ID: "removeMember", Method: del, Path: member, Right: authz.OwnerAdmin, Handler: a.removeMember},
		{ID: "leaveOrganization", Method: post, Path: orgPath + "/leave", Right: authz.OwnerFollow, Handler: a.leaveOrganization},
	}
}

type done struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func answerDone(w http.ResponseWriter, r *http.Request, message string) error {
	return httpd.JSON(w, r, http.StatusOK, done{true, message})
}

type organizationAnswer struct {
	Success  bool   `json:"success"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Fullname string `json:"fullname"`
	URL      string `json:"url"`
}

func organizationOf(r *http.Request, o *org.Org) organizationAnswer {
	return organizationAnswer{true, o.ID, o.Name, o.Fullname, httpd.Of(r).Origin + "/" + o.Name}
}

func (a *API) createOrganization(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name     string `json:"name"`
		Fullname string `json:"fullname"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	by := httpd.Of(r).Actor
	siteAdmin := a.Authz.SiteAdminProof(by)
	if err := a.Orgs.MayCreate(r.Context(), siteAdmin); err != nil {
		return err
	}
	o, err := a.Orgs.Create(r.Context(), org.NewOrg{Name: b.Name, Fullname: b.Fullname, AdminID: by.UserID, Bounded: !siteAdmin})
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, organizationOf(r, o))
}

func (a *API) deleteOrganization(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Confirm            string `json:"confirm"`
		DeleteRepositories bool   `json:"deleteRepositories"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	st := httpd.Of(r)
	if err := a.Orgs.Delete(r.Context(), st.Actor, st.Owner.ID, org.Removal{Confirm: b.Confirm, WithRepos: b.DeleteRepositories}); err != nil {
		return err
	}
	return answerDone(w, r, "Organization deleted")
}

func (a *API) renameOrganization(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Name string `json:"name"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	o, err := a.Orgs.Rename(r.Context(), httpd.Of(r).Owner.ID, b.Name)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, organizationOf(r, o))
}

type organizationSettings struct {
	Name              string         `json:"name"`
	Fullname          string         `json:"fullname"`
	DefaultVisibility hub.Visibility `json:"defaultVisibility"`
	ForcePrivate      bool           `json:"forcePrivate"`
	CreateRole        hub.Role       `json:"createRole"`
	MembersPublic     bool           `json:"membersPublic"`
	JoinRequests      bool           `json:"joinRequests"`
	CreatedAt         string         `json:"createdAt"`
}

func settingsOf(o *org.Org) organizationSettings {
	return organizationSettings{o.Name, o.Fullname, o.DefaultVisibility, o.ForcePrivate, o.CreateRole, o.MembersPublic, o.JoinRequests, content.Date(o.CreatedAt)}
}

func (a *API) organizationSettings(w http.ResponseWriter, r *http.Request) error {
	o, err := a.Orgs.GetByID(r.Context(), httpd.Of(r).Owner.ID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, settingsOf(o))
}

func (a *API) changeOrganizationSettings(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Fullname          *string         `json:"fullname"`
		DefaultVisibility *hub.Visibility `json:"defaultVisibility"`
		ForcePrivate      *bool           `json:"forcePrivate"`
		CreateRole        *hub.Role       `json:"createRole"`
		MembersPublic     *bool           `json:"membersPublic"`
		JoinRequests      *bool           `json:"joinRequests"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	o, err := a.Orgs.Change(r.Context(), httpd.Of(r).Owner.ID, org.Change(b))
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, settingsOf(o))
}

type memberAnswer struct {
	ID            string   `json:"_id"`
	User          string   `json:"user"`
	Type          string   `json:"type"`
	Fullname      string   `json:"fullname"`
	AvatarURL     string   `json:"avatarUrl"`
	IsPro         bool     `json:"isPro"`
	Role          hub.Role `json:"role,omitempty"`          // for members
	VerifiedEmail *string  `json:"verifiedEmail,omitempty"` // for admins
}

// viewer is how much of an organisation's members the caller sees: admins all, members the roles, others who they are, if
// the organisation shows them at all.
type viewer struct{ member, admin bool }

func (a *API) viewerOf(r *http.Request) viewer {
	st := httpd.Of(r)
	has := func(right authz.Right) bool { return a.Authz.Owner(r.Context(), st.Actor, st.Owner, right) == nil }
	if has(authz.OwnerSettingsRead) {
		return viewer{true, true}
	}
	return viewer{member: has(authz.OwnerMember)}
}

func (a *API) listMembers(w http.ResponseWriter, r *http.Request) error {
	st, v := httpd.Of(r), a.viewerOf(r)
	q, err := memberQuery(r, v)
	if err != nil {
		return err
	}
	if !v.member {
		o, err := a.Orgs.GetByID(r.Context(), st.Owner.ID)
		if err != nil {
			return err
		}
		if !o.MembersPublic {
			return errs.New(errs.Forbidden, "This organization shows its members to its members only")
		}
	}
	members, next, err := a.Orgs.Members(r.Context(), st.Owner.ID, q)
	if err != nil {
		return err
	}
	out := make([]memberAnswer, len(members))
	for i, m := range members {
		out[i] = memberAnswer{ID: m.UserID, User: m.Name, Type: "user", Fullname: m.Fullname, AvatarURL: AvatarURL(st.Origin, m.Name)}
		if v.member {
			out[i].Role = m.Role
		}
		if v.admin && m.EmailVerified && m.Email != "" {
			out[i].VerifiedEmail = &m.Email
		}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}

// The sizes of a page of members.
const (
	membersOnPage = 500
	maxMembers    = 10_000
)

func memberQuery(r *http.Request, v viewer) (org.MemberQuery, error) {
	page, err := httpd.PageOf(r, membersOnPage, maxMembers)
	in := r.URL.Query()
	q := org.MemberQuery{Search: in.Get("search"), Email: in.Get("email"), Role: hub.Role(in.Get("role")), WithNoAccess: v.admin, Page: page}
	switch {
	case err != nil:
		return q, err
	case q.Email != "" && !v.admin:
		return q, errs.New(errs.Forbidden, "Only admins of this organization may look for members by e-mail")
	case q.Role != "" && !v.member:
		return q, errs.New(errs.Forbidden, "Only members of this organization may look for members by role")
	}
	return q, nil
}

// memberBody names a role; in the Hub's operation also roles in resource groups, which this hub does not have.
type memberBody struct {
	Username       string   `json:"username"`
	Role           hub.Role `json:"role"`
	ResourceGroups []any    `json:"resourceGroups"`
}

func readMember(w http.ResponseWriter, r *http.Request) (b memberBody, err error) {
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return b, err
	}
	switch {
	case len(b.ResourceGroups) > 0:
		return b, errs.Unsupported("This hub has no resource groups")
	case b.Role == "":
		return b, errs.New(errs.Invalid, `"role" must be one of [no_access, read, contributor, write, admin]`)
	}
	return b, nil
}

func (a *API) addMember(w http.ResponseWriter, r *http.Request) error {
	b, err := readMember(w, r)
	if err != nil {
		return err
	}
	u, err := a.Accounts.Get(r.Context(), b.Username)
	if err != nil {
		return noSuchUser(err, b.Username)
	}
	if err := a.Orgs.AddMember(r.Context(), httpd.Of(r).Owner.ID, u.ID, b.Role); err != nil {
		return err
	}
	return answerDone(w, r, u.Name+" is a member with the role "+string(b.Role))
}

func noSuchUser(err error, name string) error {
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.NotFound, "There is no user named %q", name)
	}
	return err
}

func (a *API) setMemberRole(w http.ResponseWriter, r *http.Request) error {
	b, err := readMember(w, r)
	if err != nil {
		return err
	}
	id, err := a.memberID(r)
	if err != nil {
		return err
	}
	if err := a.Orgs.SetRole(r.Context(), httpd.Of(r).Owner.ID, id, b.Role); err != nil {
		return err
	}
	return answerDone(w, r, "The role is "+string(b.Role))
}

func (a *API) memberID(r *http.Request) (string, error) {
	u, err := a.Accounts.Get(r.Context(), httpd.Param(r, "username"))
	if errs.Is(err, errs.NotFound) {
		return "", errs.New(errs.NotFound, "This user is no member of the organization")
	}
	if err != nil {
		return "", err
	}
	return u.ID, nil
}

func (a *API) removeMember(w http.ResponseWriter, r *http.Request) error {
	id, err := a.memberID(r)
	if err != nil {
		return err
	}
	if err := a.Orgs.RemoveMember(r.Context(), httpd.Of(r).Owner.ID, id); err != nil {
		return err
	}
	return answerDone(w, r, "The membership has ended")
}

func (a *API) leaveOrganization(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Orgs.Leave(r.Context(), st.Owner.ID, st.Actor.UserID); err != nil {
		return err
	}
	return answerDone(w, r, "Your membership has ended")
}
