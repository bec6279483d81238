package adminapi

import (
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

// entranceRoutes are over the ways in: invitations, and links for who has lost their password.
func (a *API) entranceRoutes() []httpd.Route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	return []httpd.Route{
		{ID: "adminResetPassword", Method: post, Path: "/users/{account}/password-reset", Handler: a.resetPassword},
		{ID: "adminListInvitations", Method: get, Path: "/invitations", Handler: a.listInvitations},
		{ID: "adminInvite", Method: post, Path: "/invitations", Handler: a.invite},
		{ID: "adminRevokeInvitation", Method: del, Path: "/invitations/{invitation}", Handler: a.revokeInvitation},
	}
}

type linkAnswer struct {
	Link      string  `json:"link"`
	ExpiresAt *string `json:"expiresAt"`
}

func (a *API) resetPassword(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	link, until, err := a.Hub.Accounts.ResetLink(r.Context(), u.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, linkAnswer{link, date(until)})
}

type invitationAnswer struct {
	ID        string   `json:"id"`
	Email     string   `json:"email,omitempty"`
	OrgID     string   `json:"organizationId,omitempty"`
	Role      hub.Role `json:"role,omitempty"`
	MaxUses   int64    `json:"maxUses"`
	Uses      int64    `json:"uses"`
	CreatedBy string   `json:"createdBy,omitempty"`
	CreatedAt *string  `json:"createdAt"`
	ExpiresAt *string  `json:"expiresAt"`
	Link      string   `json:"link,omitempty"` // once, of one that is not sent by e-mail
}

func invitationOf(i *account.Invite, link string) invitationAnswer {
	return invitationAnswer{i.ID, i.Email, i.OrgID, i.Role, i.MaxUses, i.Uses, i.CreatedBy, date(i.CreatedAt), date(i.ExpiresAt), link}
}

func (a *API) listInvitations(w http.ResponseWriter, r *http.Request) error {
	p, err := httpd.PageOf(r, pageSize, 1000)
	if err != nil {
		return err
	}
	found, next, err := a.Hub.Accounts.Invites(r.Context(), p)
	if err != nil {
		return err
	}
	list := make([]invitationAnswer, len(found))
	for i, inv := range found {
		list[i] = invitationOf(inv, "")
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, list)
}

// maxHours is a year: longer than any invitation lives, and short enough to count in nanoseconds.
const maxHours = 366 * 24

func (a *API) invite(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email        string   `json:"email"`
		Organization string   `json:"organization"`
		Role         hub.Role `json:"role"`
		MaxUses      int64    `json:"maxUses"`
		Hours        int64    `json:"hours"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	if in.Hours < 0 || in.Hours > maxHours {
		return errs.New(errs.Invalid, "An invitation lives for a minute to a year")
	}
	n := account.NewInvite{Email: in.Email, Role: in.Role, MaxUses: in.MaxUses, Life: time.Duration(in.Hours) * time.Hour, CreatedBy: httpd.Of(r).Actor.UserID}
	if in.Organization != "" {
		o, err := a.Hub.Orgs.Get(r.Context(), in.Organization)
		if err != nil {
			return err
		}
		n.OrgID = o.ID
	}
	inv, link, err := a.Hub.Accounts.CreateInvite(r.Context(), n)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, invitationOf(inv, link))
}

func (a *API) revokeInvitation(w http.ResponseWriter, r *http.Request) error {
	return ok(w, r, a.Hub.Accounts.RevokeInvite(r.Context(), httpd.Param(r, "invitation")))
}
