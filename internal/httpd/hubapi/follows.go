package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/repo"
)

// followRoutes are who follows whom and likes what.
func (a *API) followRoutes() []httpd.Route {
	get := http.MethodGet
	rts := []httpd.Route{
		{ID: "listUserFollowers", Method: get, Path: userPath + "/followers", Right: authz.OwnerRead, Handler: a.followers},
		{ID: "listUserFollowing", Method: get, Path: userPath + "/following", Right: authz.OwnerRead, Handler: a.following},
		{ID: "listUserLikes", Method: get, Path: userPath + "/likes", Right: authz.OwnerRead, Handler: a.userLikes},
		{ID: "listOrgFollowers", Method: get, Path: orgPath + "/followers", Right: authz.OwnerRead, Handler: a.followers},
	}
	for id, path := range map[string]string{"User": userPath, "Org": orgPath} {
		rts = append(rts,
			httpd.Route{ID: "follow" + id, Method: http.MethodPost, Path: path + "/follow", Right: authz.OwnerFollow, Handler: a.follow},
			httpd.Route{ID: "unfollow" + id, Method: http.MethodDelete, Path: path + "/follow", Right: authz.OwnerFollow, Handler: a.unfollow})
	}
	return rts
}

func (a *API) follow(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Profiles.Follow(r.Context(), st.Actor, st.Owner); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

func (a *API) unfollow(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Profiles.Unfollow(r.Context(), st.Actor, st.Owner); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

func (a *API) followers(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, profile.OnPage, profile.MaxOnPage)
	if err != nil {
		return err
	}
	list, next, err := a.Profiles.Followers(r.Context(), httpd.Of(r).Owner.ID, page)
	return someones(w, r, list, next, err)
}

// following lists users, as clients expect it, or with type=org organisations.
func (a *API) following(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, profile.OnPage, profile.MaxOnPage)
	if err != nil {
		return err
	}
	kind := account.KindUser
	switch r.URL.Query().Get("type") {
	case "", "user":
	case "org":
		kind = account.KindOrg
	default:
		return errs.New(errs.Invalid, `"type" must be user or org`)
	}
	list, next, err := a.Profiles.Following(r.Context(), httpd.Of(r).Owner.ID, kind, page)
	return someones(w, r, list, next, err)
}

// someones writes a page of users or of organisations.
func someones(w http.ResponseWriter, r *http.Request, list []profile.Someone, next string, err error) error {
	if err != nil {
		return err
	}
	origin := httpd.Of(r).Origin
	out := make([]any, len(list))
	for i, s := range list {
		if s.Kind == account.KindOrg {
			out[i] = orgItem{ID: s.ID, Name: s.Name, Fullname: s.Fullname, AvatarURL: AvatarURL(origin, s.Name), Type: "org"}
			continue
		}
		out[i] = userItem{ID: s.ID, User: s.Name, Fullname: s.Fullname, AvatarURL: AvatarURL(origin, s.Name), Type: "user"}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}

// orgItem is an organisation in a list.
type orgItem struct {
	ID        string `json:"_id"`
	Name      string `json:"name"`
	Fullname  string `json:"fullname"`
	AvatarURL string `json:"avatarUrl"`
	Type      string `json:"type"`
}

type likeItem struct {
	CreatedAt string   `json:"createdAt"`
	Repo      likeRepo `json:"repo"`
}

type likeRepo struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func (a *API) userLikes(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, repo.LikesOnPage, repo.MaxLikes)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	list, next, err := a.Repos.LikesOf(r.Context(), st.Actor, st.Owner.ID, page)
	if err != nil {
		return err
	}
	out := make([]likeItem, len(list))
	for i, l := range list {
		out[i] = likeItem{content.Date(l.At), likeRepo{l.ID.String(), string(l.Type)}}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}
