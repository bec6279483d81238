package adminapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/httpd"
)

func (a *API) userRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "adminListUsers", Method: http.MethodGet, Path: "/users", Handler: a.listUsers},
		{ID: "adminCreateUser", Method: http.MethodPost, Path: "/users", Handler: a.createUser},
		{ID: "adminGetUser", Method: http.MethodGet, Path: "/users/{account}", Handler: a.getUser},
		{ID: "adminEditUser", Method: http.MethodPatch, Path: "/users/{account}", Handler: a.editUser},
		{ID: "adminDeleteUser", Method: http.MethodDelete, Path: "/users/{account}", Handler: a.deleteUser},
		{ID: "adminDisableUser", Method: http.MethodPost, Path: "/users/{account}/disable", Handler: a.disableUser},
		{ID: "adminEnableUser", Method: http.MethodPost, Path: "/users/{account}/enable", Handler: a.enableUser},
	}
}

// user finds whom the path names.
func (a *API) user(r *http.Request) (*account.User, error) {
	return a.Hub.Accounts.Get(r.Context(), httpd.Param(r, "account"))
}

type userAnswer struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Fullname      string  `json:"fullname"`
	Email         string  `json:"email"`
	EmailVerified bool    `json:"emailVerified"`
	SiteAdmin     bool    `json:"siteAdmin"`
	HasPassword   bool    `json:"hasPassword"`
	Disabled      bool    `json:"disabled"`
	DisabledAt    *string `json:"disabledAt,omitempty"`
	CreatedAt     *string `json:"createdAt"`
}

func userOf(u *account.User) userAnswer {
	return userAnswer{u.ID, u.Name, u.Fullname, u.Email, u.EmailVerified, u.SiteAdmin, u.HasPassword, !u.DisabledAt.IsZero(), date(u.DisabledAt), date(u.CreatedAt)}
}

func (a *API) listUsers(w http.ResponseWriter, r *http.Request) (err error) {
	q := account.UserQuery{Search: r.URL.Query().Get("search")}
	if q.SiteAdmin, err = flag(r, "siteAdmin"); err != nil {
		return err
	}
	if q.Disabled, err = flag(r, "disabled"); err != nil {
		return err
	}
	if q.Page, err = httpd.PageOf(r, pageSize, 1000); err != nil {
		return err
	}
	users, next, err := a.Hub.Accounts.Search(r.Context(), q)
	if err != nil {
		return err
	}
	list := make([]userAnswer, len(users))
	for i, u := range users {
		list[i] = userOf(u)
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, list)
}

func (a *API) createUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name      string `json:"name"`
		Email     string `json:"email"`
		Fullname  string `json:"fullname"`
		Password  string `json:"password"`
		SiteAdmin bool   `json:"siteAdmin"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	u, err := a.Hub.Accounts.Create(r.Context(), account.NewUser{Name: in.Name, Email: in.Email, Fullname: in.Fullname, Password: in.Password, SiteAdmin: in.SiteAdmin})
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, userOf(u))
}

func (a *API) getUser(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, userOf(u))
}

func (a *API) editUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Fullname      *string `json:"fullname"`
		Email         *string `json:"email"`
		EmailVerified *bool   `json:"emailVerified"`
		SiteAdmin     *bool   `json:"siteAdmin"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	u, err := a.user(r)
	if err != nil {
		return err
	}
	if u, err = a.Hub.Accounts.Edit(r.Context(), u.ID, account.UserChange(in)); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, userOf(u))
}

func (a *API) deleteUser(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Accounts.Delete(r.Context(), u.ID))
}

type reason struct {
	Reason string `json:"reason"`
}

func (a *API) disableUser(w http.ResponseWriter, r *http.Request) error {
	var in reason
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	u, err := a.user(r)
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Accounts.DisableFor(r.Context(), u.ID, in.Reason))
}

func (a *API) enableUser(w http.ResponseWriter, r *http.Request) error {
	u, err := a.user(r)
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Accounts.Enable(r.Context(), u.ID))
}
