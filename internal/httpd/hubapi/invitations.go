package hubapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

// invitationRoutes are the ways into an organisation. Codes of invitations never stand in a path, since paths are logged.
func (a *API) invitationRoutes() []httpd.Route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	mine, requests := "/api/user/invitations", orgPath+"/join-requests"
	return []httpd.Route{
		{ID: "listInvitations", Method: get, Path: orgPath + "/invitations", Right: authz.OwnerSettingsRead, Handler: a.listInvitations},
		{ID: "invite", Method: post, Path: orgPath + "/invitations", Right: authz.OwnerAdmin, Handler: a.invite},
		{ID: "revokeInvitation", Method: del, Path: orgPath + "/invitations/{invitation}", Right: authz.OwnerAdmin, Handler: a.revokeInvitation},
		{ID: "listMyInvitations", Method: get, Path: mine, Right: authz.SignedIn, Handler: a.listMyInvitations},
		{ID: "showInvitation", Method: post, Path: mine + "/show", Right: authz.SignedIn, Handler: a.showInvitation},
		{ID: "acceptInvitation", Method: post, Path: mine + "/accept", Right: authz.Write, Handler: a.acceptInvitation},
		{ID: "declineInvitation", Method: post, Path: mine + "/decline", Right: authz.Write, Handler: a.declineInvitation},
		{ID: "listJoinRequests", Method: get, Path: requests, Right: authz.OwnerSettingsRead, Handler: a.listJoinRequests},
		{ID: "requestToJoin", Method: post, Path: requests, Right: authz.OwnerFollow, Handler: a.requestToJoin},
		{ID: "withdrawJoinRequest", Method: del, Path: requests, Right: authz.OwnerFollow, Handler: a.withdrawJoinRequest},
		{ID: "approveJoinRequest", Method: post, Path: requests + "/{username}/approve", Right: authz.OwnerAdmin, Handler: a.approveJoinRequest},
		{ID: "denyJoinRequest", Method: post, Path: requests + "/{username}/deny", Right: authz.OwnerAdmin, Handler: a.denyJoinRequest},
	}
}

type invitationAnswer struct {
	ID           string   `json:"id"`
	Organization string   `json:"organization"`
	Role         hub.Role `json:"role"`
	User         *string  `json:"user"`
	Email        *string  `json:"email"`
	CreatedBy    *string  `json:"createdBy"`
	MaxUses      int64    `json:"maxUses"`
	Uses         int64    `json:"uses"`
	CreatedAt    string   `json:"createdAt"`
	ExpiresAt    string   `json:"expiresAt"`
	Code         string   `json:"code,omitempty"` // once, of an invitation by link
	Link         string   `json:"link,omitempty"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func invitationOf(i *org.Invitation) invitationAnswer {
	return invitationAnswer{ID: i.ID, Organization: i.OrgName, Role: i.Role, User: orNull(i.User), Email: orNull(i.Email), CreatedBy: orNull(i.CreatedBy),
		MaxUses: i.MaxUses, Uses: i.Uses, CreatedAt: content.Date(i.CreatedAt), ExpiresAt: content.Date(i.ExpiresAt)}
}

func invitationsOf(list []*org.Invitation) []invitationAnswer {
	out := make([]invitationAnswer, len(list))
	for i, v := range list {
		out[i] = invitationOf(v)
	}
	return out
}

func (a *API) listInvitations(w http.ResponseWriter, r *http.Request) error {
	list, err := a.Orgs.Invitations(r.Context(), httpd.Of(r).Owner.ID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, invitationsOf(list))
}

func (a *API) listMyInvitations(w http.ResponseWriter, r *http.Request) error {
	list, err := a.Orgs.InvitationsFor(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, invitationsOf(list))
}

// invite answers the code of an invitation by link. One of a person goes to that person and to nobody else.
func (a *API) invite(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Role    hub.Role `json:"role"`
		User    string   `json:"user"`
		Email   string   `json:"email"`
		MaxUses int64    `json:"maxUses"`
		Hours   int64    `json:"expiresInHours"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	if most := int64(org.MaxInvitationLife / time.Hour); b.Hours < 0 || b.Hours > most {
		return errs.New(errs.Invalid, `"expiresInHours" must be 1 to %d`, most)
	}
	st := httpd.Of(r)
	i, code, err := a.Orgs.Invite(r.Context(), st.Owner.ID, org.NewInvitation{Role: b.Role, User: b.User, Email: b.Email, MaxUses: b.MaxUses,
		Life: time.Duration(b.Hours) * time.Hour, By: st.Actor.UserID})
	if err != nil {
		return err
	}
	out := invitationOf(i)
	if i.User == "" && i.Email == "" {
		out.Code, out.Link = code, st.Origin+"/organizations/invitation?code="+url.QueryEscape(code)
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) revokeInvitation(w http.ResponseWriter, r *http.Request) error {
	if err := a.Orgs.Revoke(r.Context(), httpd.Of(r).Owner.ID, httpd.Param(r, "invitation")); err != nil {
		return err
	}
	return answerDone(w, r, "The invitation has ended")
}

// readWay reads how the caller comes by an invitation.
func readWay(w http.ResponseWriter, r *http.Request) (org.Way, error) {
	var b struct {
		Code       string `json:"code"`
		Invitation string `json:"invitation"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return org.Way{}, err
	}
	if (b.Code == "") == (b.Invitation == "") {
		return org.Way{}, errs.New(errs.Invalid, `Give the "code" of the invitation, or, if it names you, its id as "invitation"`)
	}
	return org.Way{Code: b.Code, ID: b.Invitation}, nil
}

func (a *API) showInvitation(w http.ResponseWriter, r *http.Request) error {
	way, err := readWay(w, r)
	if err != nil {
		return err
	}
	i, err := a.Orgs.InvitationByCode(r.Context(), way.Code)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, invitationOf(i))
}

func (a *API) acceptInvitation(w http.ResponseWriter, r *http.Request) error {
	way, err := readWay(w, r)
	if err != nil {
		return err
	}
	i, err := a.Orgs.Accept(r.Context(), httpd.Of(r).Actor.UserID, way)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true, "message": "You are a member of " + i.OrgName,
		"organization": i.OrgName, "role": i.Role})
}

func (a *API) declineInvitation(w http.ResponseWriter, r *http.Request) error {
	way, err := readWay(w, r)
	if err != nil {
		return err
	}
	if err := a.Orgs.Decline(r.Context(), httpd.Of(r).Actor.UserID, way); err != nil {
		return err
	}
	return answerDone(w, r, "The invitation has ended")
}

type joinRequestAnswer struct {
	ID        string `json:"_id"`
	User      string `json:"user"`
	Fullname  string `json:"fullname"`
	AvatarURL string `json:"avatarUrl"`
	Message   string `json:"message"`
	CreatedAt string `json:"createdAt"`
}

// The sizes of a page of requests to join.
const (
	requestsOnPage = 100
	maxRequests    = 1000
)

func (a *API) listJoinRequests(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, requestsOnPage, maxRequests)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	list, next, err := a.Orgs.JoinRequests(r.Context(), st.Owner.ID, page)
	if err != nil {
		return err
	}
	out := make([]joinRequestAnswer, len(list))
	for i, q := range list {
		out[i] = joinRequestAnswer{q.UserID, q.Name, q.Fullname, AvatarURL(st.Origin, q.Name), q.Message, content.Date(q.CreatedAt)}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) requestToJoin(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Message string `json:"message"`
	}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	st := httpd.Of(r)
	if err := a.Orgs.RequestToJoin(r.Context(), st.Owner.ID, st.Actor.UserID, b.Message); err != nil {
		return err
	}
	return answerDone(w, r, "The admins of "+st.Owner.Name+" will answer")
}

func (a *API) withdrawJoinRequest(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Orgs.WithdrawRequest(r.Context(), st.Owner.ID, st.Actor.UserID); err != nil {
		return err
	}
	return answerDone(w, r, "The request was withdrawn")
}

func (a *API) approveJoinRequest(w http.ResponseWriter, r *http.Request) error {
	b := memberBody{Role: hub.RoleRead}
	if err := httpd.ReadJSON(w, r, maxOrgBody, &b); err != nil {
		return err
	}
	id, err := a.requesterID(r)
	if err != nil {
		return err
	}
	if err := a.Orgs.ApproveRequest(r.Context(), httpd.Of(r).Owner.ID, id, b.Role); err != nil {
		return err
	}
	return answerDone(w, r, "A member with the role "+string(b.Role))
}

func (a *API) denyJoinRequest(w http.ResponseWriter, r *http.Request) error {
	id, err := a.requesterID(r)
	if err != nil {
		return err
	}
	if err := a.Orgs.DenyRequest(r.Context(), httpd.Of(r).Owner.ID, id); err != nil {
		return err
	}
	return answerDone(w, r, "The request was denied")
}

// requesterID is the user of a request; one who is not there has none.
func (a *API) requesterID(r *http.Request) (string, error) {
	u, err := a.Accounts.Get(r.Context(), httpd.Param(r, "username"))
	if errs.Is(err, errs.NotFound) {
		return "", errs.New(errs.NotFound, "There is no request of this user that waits for an answer")
	}
	if err != nil {
		return "", err
	}
	return u.ID, nil
}
