package hubapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// maxCreateBody holds the small files that a new repository may start with, as base64.
const maxCreateBody = 16 << 20

// runtimeBody are the members that ask for machines and the like; package repo says which of them are refused.
type runtimeBody struct {
	Hardware         json.RawMessage `json:"hardware"`
	StorageTier      json.RawMessage `json:"storageTier"`
	SleepTimeSeconds json.RawMessage `json:"sleepTimeSeconds"`
	Secrets          json.RawMessage `json:"secrets"`
	Variables        json.RawMessage `json:"variables"`
	Volumes          json.RawMessage `json:"volumes"`
	DevModeEnabled   json.RawMessage `json:"devModeEnabled"`
	Template         json.RawMessage `json:"template"`
	ResourceGroupID  json.RawMessage `json:"resourceGroupId"`
	Region           json.RawMessage `json:"region"`
}

func (b runtimeBody) check() error {
	return repo.CheckBuilt(map[string]json.RawMessage{
		"hardware": b.Hardware, "storageTier": b.StorageTier, "sleepTimeSeconds": b.SleepTimeSeconds, "secrets": b.Secrets,
		"variables": b.Variables, "volumes": b.Volumes, "devModeEnabled": b.DevModeEnabled, "template": b.Template,
		"resourceGroupId": b.ResourceGroupID, "region": b.Region,
	})
}

// visibilityBody is who may see a repository, said in one of two ways.
type visibilityBody struct {
	Private    *bool   `json:"private"`
	Visibility *string `json:"visibility"`
}

// read gives the empty visibility when neither is said.
func (b visibilityBody) read(typ hub.RepoType) (hub.Visibility, error) {
	switch {
	case b.Private != nil && b.Visibility != nil:
		return "", errs.New(errs.Invalid, `"private" and "visibility" cannot be given together`)
	case b.Visibility != nil:
		return repo.ParseVisibility(*b.Visibility, typ)
	case b.Private == nil:
		return "", nil
	case *b.Private:
		return hub.Private, nil
	}
	return hub.Public, nil
}

// nameBody names a repository: its owner is the caller unless organization says otherwise.
type nameBody struct {
	Name         string  `json:"name"`
	Organization *string `json:"organization"`
	Type         string  `json:"type"`
}

func (b nameBody) id(actor hub.Actor) (hub.RepoID, error) {
	typ, err := repoType(b.Type)
	if err != nil {
		return hub.RepoID{}, err
	}
	id := hub.RepoID{Type: typ, Namespace: actor.Name, Name: b.Name}
	if b.Organization != nil && *b.Organization != "" {
		id.Namespace = *b.Organization
	} else if ns, name, ok := strings.Cut(b.Name, "/"); ok {
		id.Namespace, id.Name = ns, name
	}
	return id, nil
}

func repoType(s string) (hub.RepoType, error) {
	if typ, ok := hub.ParseRepoType(s); ok {
		return typ, nil
	}
	if s == "kernel" || s == "bucket" {
		return "", errs.Unsupported("This hub has no repositories of type %s", s)
	}
	return "", errs.New(errs.Invalid, `"type" must be one of [model, dataset, space]`)
}

type createBody struct {
	nameBody
	visibilityBody
	runtimeBody
	License          string  `json:"license"`
	LicenseName      string  `json:"license_name"`
	LicenseLink      string  `json:"license_link"`
	SDK              string  `json:"sdk"`
	SDKVersion       *string `json:"sdkVersion"`
	ShortDescription string  `json:"short_description"`
	Files            []struct {
		Path     string `json:"path"`
		Content  string `json:"content"`
		Encoding string `json:"encoding"`
	} `json:"files"`
}

func (a *API) createRepo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	var b createBody
	if err := httpd.ReadJSON(w, r, maxCreateBody, &b); err != nil {
		return err
	}
	n, err := b.newRepo(st.Actor)
	if err != nil {
		return err
	}
	made, err := a.Repos.Create(r.Context(), st.Actor, n)
	if err != nil {
		return withURL(err, st.Origin, n.ID)
	}
	id := made.ID()
	return httpd.JSON(w, r, http.StatusOK, map[string]string{"url": repoURL(st.Origin, id), "name": id.String(), "id": made.RowID})
}

func (b *createBody) newRepo(actor hub.Actor) (repo.NewRepo, error) {
	id, err := b.id(actor)
	if err != nil {
		return repo.NewRepo{}, err
	}
	if err := b.runtimeBody.check(); err != nil {
		return repo.NewRepo{}, err
	}
	v, err := b.read(id.Type)
	if err != nil {
		return repo.NewRepo{}, err
	}
	n := repo.NewRepo{
		ID: id, Visibility: v, License: b.License, LicenseName: b.LicenseName, LicenseLink: b.LicenseLink, SDK: b.SDK,
		ShortDescription: b.ShortDescription,
	}
	if b.SDKVersion != nil {
		n.SDKVersion = *b.SDKVersion
	}
	for _, f := range b.Files {
		content := []byte(f.Content)
		if f.Encoding == "base64" {
			if content, err = base64.StdEncoding.DecodeString(f.Content); err != nil {
				return n, errs.New(errs.Invalid, "The content of %q is not valid base64", f.Path)
			}
		} else if f.Encoding != "" && f.Encoding != "utf-8" {
			return n, errs.New(errs.Invalid, `"encoding" must be one of [utf-8, base64]`)
		}
		n.Files = append(n.Files, repo.NewFile{Path: f.Path, Content: content})
	}
	return n, nil
}

// repoURL is the address of a repository's page.
func repoURL(origin string, id hub.RepoID) string { return origin + "/" + id.Path() }

// withURL tells where the repository is that made a name taken: clients that do not mind use it.
func withURL(err error, origin string, id hub.RepoID) error {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind == errs.Conflict {
		return e.With("url", repoURL(origin, id))
	}
	return err
}
