package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/repo"
)

// likeRoutes are who likes which repository. Whoever sees a repository may like it.
func (a *API) likeRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "likeRepo", Method: http.MethodPost, Path: repoPath + "/like", Right: authz.RepoLike, Handler: a.likeRepo},
		{ID: "unlikeRepo", Method: http.MethodDelete, Path: repoPath + "/like", Right: authz.RepoLike, Handler: a.unlikeRepo},
		{ID: "listRepoLikers", Method: http.MethodGet, Path: repoPath + "/likers", Right: authz.RepoRead, Handler: a.repoLikers},
	}
}

// userItem is a user in a list.
type userItem struct {
	ID        string `json:"_id"`
	User      string `json:"user"`
	Fullname  string `json:"fullname"`
	AvatarURL string `json:"avatarUrl"`
	IsPro     bool   `json:"isPro"`
	Type      string `json:"type"`
}

func (a *API) likeRepo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Repos.Like(r.Context(), st.Actor, st.Repo); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

func (a *API) unlikeRepo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Repos.Unlike(r.Context(), st.Actor, st.Repo); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

func (a *API) repoLikers(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, repo.LikesOnPage, repo.MaxLikes)
	if err != nil {
		return err
	}
	likers, next, err := a.Repos.Likers(r.Context(), httpd.Of(r).Repo, page)
	if err != nil {
		return err
	}
	ids := make([]string, len(likers))
	for i, l := range likers {
		ids[i] = l.UserID
	}
	list, err := a.people(r, ids)
	if err != nil {
		return err
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, list)
}

// people shows users by their ids, in that order, with one query for all. Who is gone meanwhile is left out.
func (a *API) people(r *http.Request, ids []string) ([]userItem, error) {
	users, err := a.Accounts.ByIDs(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	list := make([]userItem, 0, len(ids))
	for _, id := range ids {
		if u := users[id]; u != nil {
			list = append(list, userItem{ID: u.ID, User: u.Name, Fullname: u.Fullname, AvatarURL: AvatarURL(httpd.Of(r).Origin, u.Name), Type: "user"})
		}
	}
	return list, nil
}
