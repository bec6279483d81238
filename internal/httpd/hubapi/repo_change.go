package hubapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const maxRepoBody = 256 << 10

func (a *API) deleteRepo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	var b nameBody
	if err := httpd.ReadJSON(w, r, maxRepoBody, &b); err != nil {
		return err
	}
	id, err := b.id(st.Actor)
	if err != nil {
		return err
	}
	if err := a.Repos.Delete(r.Context(), st.Actor, id); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

func (a *API) moveRepo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	var b struct {
		From string `json:"fromRepo"`
		To   string `json:"toRepo"`
		Type string `json:"type"`
	}
	if err := httpd.ReadJSON(w, r, maxRepoBody, &b); err != nil {
		return err
	}
	typ, err := repoType(b.Type)
	if err != nil {
		return err
	}
	from, err := fullID("fromRepo", typ, b.From)
	if err != nil {
		return err
	}
	to, err := fullID("toRepo", typ, b.To)
	if err != nil {
		return err
	}
	moved, err := a.Repos.Move(r.Context(), st.Actor, from, to)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]string{"url": repoURL(st.Origin, moved.ID())})
}

// fullID reads namespace/name.
func fullID(member string, typ hub.RepoType, s string) (hub.RepoID, error) {
	ns, name, ok := strings.Cut(s, "/")
	if !ok || ns == "" || name == "" {
		return hub.RepoID{}, errs.New(errs.Invalid, "%q must have the form namespace/name", member)
	}
	return hub.RepoID{Type: typ, Namespace: ns, Name: name}, nil
}

func (a *API) duplicateRepo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	var b struct {
		visibilityBody
		runtimeBody
		Repository string `json:"repository"`
	}
	if err := httpd.ReadJSON(w, r, maxRepoBody, &b); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	to, err := fullID("repository", st.Repo.Type, b.Repository)
	if err != nil {
		return err
	}
	v, err := b.read(st.Repo.Type)
	if err != nil {
		return err
	}
	made, err := a.Repos.Duplicate(r.Context(), st.Actor, st.Repo, to, v)
	if err != nil {
		return withURL(err, st.Origin, to)
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]string{"url": repoURL(st.Origin, made.ID())})
}

func (a *API) setRepoSettings(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	var in repo.Settings
	if err := httpd.ReadJSON(w, r, maxRepoBody, &in); err != nil {
		return err
	}
	out, err := a.Repos.SetSettings(r.Context(), st.Actor, st.Repo, in)
	if err != nil {
		return withoutRoom(err)
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

// withoutRoom gives a change of visibility that goes over a quota the status that the Settings API has for it.
func withoutRoom(err error) error {
	var e *errs.Error
	if errors.As(err, &e) && (e.Kind == errs.PaymentRequired || e.Kind == errs.TooLarge) {
		e.Kind = errs.Invalid
	}
	return err
}

func (a *API) lfsSettings(w http.ResponseWriter, r *http.Request) error {
	return httpd.JSON(w, r, http.StatusOK, a.Repos.LFSSettings(httpd.Of(r).Repo))
}
