package hubapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/profile"
)

const userPath = "/api/users/{username}"

// maxProfileBody bounds a change of a profile.
const maxProfileBody = 64 << 10

// profileRoutes are what users and organisations say of themselves.
func (a *API) profileRoutes() []httpd.Route {
	get, put := http.MethodGet, http.MethodPut
	return []httpd.Route{
		{ID: "getUserProfile", Method: get, Path: userPath + "/profile", Right: authz.OwnerRead, EitherOwner: true, Handler: a.profile},
		{ID: "updateUserSettings", Method: put, Path: userPath + "/settings", Right: authz.OwnerAdmin, Handler: a.setUserProfile},
		{ID: "getUserSocials", Method: get, Path: userPath + "/socials", Right: authz.OwnerRead, Handler: a.userSocials},
		{ID: "getOrgProfile", Method: get, Path: orgPath + "/profile", Right: authz.OwnerRead, Handler: a.profile},
		{ID: "updateOrgSettings", Method: put, Path: orgPath + "/settings", Right: authz.OwnerAdmin, Handler: a.setOrgProfile},
		{ID: "getOrgSocials", Method: get, Path: orgPath + "/socials", Right: authz.OwnerRead, Handler: a.orgSocials},
	}
}

type userProfile struct {
	Username  string          `json:"username"`
	FullName  string          `json:"full_name"`
	Bio       string          `json:"bio"`
	Website   string          `json:"website"`
	Socials   profile.Socials `json:"social_media"`
	CreatedAt string          `json:"created_at"`
	Source    string          `json:"_source"`
}

type orgProfile struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Bio         string          `json:"bio"`
	Website     string          `json:"website"`
	Socials     profile.Socials `json:"social_media"`
	Members     int64           `json:"member_count"`
	CreatedAt   string          `json:"created_at"`
}

func (a *API) profile(w http.ResponseWriter, r *http.Request) error {
	o := httpd.Of(r).Owner
	p, err := a.Profiles.Get(r.Context(), o.ID)
	if err != nil {
		return err
	}
	if p.Socials == nil {
		p.Socials = profile.Socials{}
	}
	if o.Kind == account.KindOrg {
		return a.orgProfile(w, r, o, p)
	}
	u, err := a.Accounts.GetByID(r.Context(), o.ID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, userProfile{Username: u.Name, FullName: u.Fullname, Bio: p.Bio, Website: p.Website,
		Socials: p.Socials, CreatedAt: content.Date(u.CreatedAt), Source: sourceLocal})
}

func (a *API) orgProfile(w http.ResponseWriter, r *http.Request, o account.Owner, p profile.Profile) error {
	g, err := a.Orgs.GetByID(r.Context(), o.ID)
	if err != nil {
		return err
	}
	n, err := a.Orgs.CountMembers(r.Context(), o.ID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, orgProfile{Name: g.Name, Description: p.Description, Bio: p.Bio, Website: p.Website,
		Socials: p.Socials, Members: n, CreatedAt: content.Date(g.CreatedAt)})
}

// settingsDone is how the Settings API says that something was changed.
type settingsDone struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func (a *API) setUserProfile(w http.ResponseWriter, r *http.Request) error {
	in, err := readSettings(w, r)
	if err != nil {
		return err
	}
	o := httpd.Of(r).Owner
	if err := in.Check(o.Kind); err != nil {
		return err
	}
	var password string
	_ = json.Unmarshal(in["password"], &password) // Check has seen that it is a text, if it is there
	delete(in, "password")
	if in["email"] != nil {
		if err := a.setEmail(r, o, in, password); err != nil {
			return err
		}
	}
	if err := a.Profiles.Set(r.Context(), o, in); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, settingsDone{true, "User settings updated successfully"})
}

// setEmail takes the address out of the settings and changes it. An address lets its owner in again, so it takes the
// right over one's own account. A session and a removal take the password as well; what a token names without it counts
// only once its user has signed in and confirmed it.
func (a *API) setEmail(r *http.Request, o account.Owner, in profile.Settings, password string) error {
	by := httpd.Of(r).Actor
	if err := a.Authz.Site(by, authz.Account); err != nil {
		return err
	}
	if by.UserID != o.ID {
		return errs.New(errs.Forbidden, "Only users themselves change their e-mail address here")
	}
	email, err := in.Take("email")
	if err != nil {
		return err
	}
	if httpd.SessionUser(r) != "" || strings.TrimSpace(email) == "" {
		if err := a.Accounts.Confirm(r.Context(), o.ID, password, clientOf(r)); err != nil {
			return err
		}
	}
	return a.Accounts.ChangeEmail(r.Context(), o.ID, email)
}

func (a *API) setOrgProfile(w http.ResponseWriter, r *http.Request) error {
	in, err := readSettings(w, r)
	if err != nil {
		return err
	}
	if err := a.Profiles.Set(r.Context(), httpd.Of(r).Owner, in); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, settingsDone{true, "Organization settings updated successfully"})
}

func readSettings(w http.ResponseWriter, r *http.Request) (in profile.Settings, err error) {
	err = httpd.ReadJSON(w, r, maxProfileBody, &in)
	return in, err
}

// hubNetworks are the networks of the Hub's schema by their keys here; organisations have no handle of Bluesky there.
var hubNetworks = map[string]string{"twitter": "twitter_x", "github": "github", "linkedin": "linkedin", "bluesky": "bluesky"}

func (a *API) userSocials(w http.ResponseWriter, r *http.Request) error {
	o := httpd.Of(r).Owner
	handles, err := a.handles(r, o)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"_id": o.ID, "user": o.Name, "socialHandles": handles})
}

func (a *API) orgSocials(w http.ResponseWriter, r *http.Request) error {
	o := httpd.Of(r).Owner
	handles, err := a.handles(r, o)
	if err != nil {
		return err
	}
	delete(handles, "bluesky")
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"_id": o.ID, "org": o.Name, "socialHandles": handles})
}

func (a *API) handles(r *http.Request, o account.Owner) (map[string]string, error) {
	p, err := a.Profiles.Get(r.Context(), o.ID)
	handles := map[string]string{}
	for name, key := range hubNetworks {
		if h := p.Socials[key]; h != "" {
			handles[name] = h
		}
	}
	return handles, err
}
