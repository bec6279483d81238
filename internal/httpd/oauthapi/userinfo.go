package oauthapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

type userinfoAnswer struct {
	Sub           string        `json:"sub"`
	Name          string        `json:"name,omitempty"`
	Username      string        `json:"preferred_username"`
	Profile       string        `json:"profile"`
	Picture       string        `json:"picture"`
	Email         string        `json:"email,omitempty"`
	EmailVerified *bool         `json:"email_verified,omitempty"`
	IsPro         bool          `json:"isPro"`
	Orgs          []userinfoOrg `json:"orgs"`
}

type userinfoOrg struct {
	Sub      string   `json:"sub"`
	Name     string   `json:"name"`
	Username string   `json:"preferred_username"`
	Picture  string   `json:"picture"`
	Role     hub.Role `json:"roleInOrg"`
}

// userinfo says who the user is. An application hears of the e-mail address only if that was agreed to; a token that its
// user made, and a session, are the user's own.
func (a *API) userinfo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	id, err := a.Accounts.Whoami(r.Context(), st.Actor)
	if err != nil {
		return err
	}
	email := true
	if id.Token != nil {
		if email, err = a.OAuth.TellsEmail(r.Context(), id.Token.ID); err != nil {
			return err
		}
	}
	u := id.User
	out := userinfoAnswer{Sub: u.ID, Name: u.Fullname, Username: u.Name, Profile: st.Origin + "/" + u.Name,
		Picture: a.Avatar(st.Origin, u.Name), Orgs: []userinfoOrg{}}
	if out.Name == "" {
		out.Name = u.Name
	}
	if u.Email != "" && email {
		out.Email, out.EmailVerified = u.Email, &u.EmailVerified
	}
	for _, m := range id.Orgs {
		if m.Role == hub.RoleNone {
			continue
		}
		o := userinfoOrg{Sub: m.OrgID, Name: m.Fullname, Username: m.Name, Picture: a.Avatar(st.Origin, m.Name), Role: m.Role}
		if o.Name == "" {
			o.Name = m.Name
		}
		out.Orgs = append(out.Orgs, o)
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, out)
}
