package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/httpd"
)

// signInPath is the page to sign in on, from where it goes on to another one.
func signInPath(next string) string { return "/login?next=" + url.QueryEscape(next) }

// like is the button of a repository's pages: it likes, or with undo takes the like back.
func (a *API) like(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	st, change := httpd.Of(r), a.Repos.Like
	if form.Get("undo") != "" {
		change = a.Repos.Unlike
	}
	if err := change(r.Context(), st.Actor, st.Repo); err != nil {
		return err
	}
	seeOther(w, string(addressOf(st.Repo.ID())))
	return nil
}

// follow is the button of the page of a user or an organisation.
func (a *API) follow(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	st, change := httpd.Of(r), a.Profiles.Follow
	if form.Get("undo") != "" {
		change = a.Profiles.Unfollow
	}
	if err := change(r.Context(), st.Actor, st.Owner); err != nil {
		return err
	}
	seeOther(w, "/"+escape(st.Owner.Name))
	return nil
}

// followPath is where the button's form goes.
func followPath(o account.Owner) string {
	if o.Kind == account.KindOrg {
		return orgPath(o.Name, "follow")
	}
	return "/users/" + escape(o.Name) + "/follow"
}
