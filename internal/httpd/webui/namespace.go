package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const onNamespace = 24

type namespacePage struct {
	page
	Name, Kind string
	Shelves    []namespaceShelf
	Nothing    bool
	Links      []settingsItem // of an organisation, for its members and those who would be
}

type namespaceShelf struct {
	ID, Title, MorePath string
	Repos               []repoCard
}

func (a *API) namespace(w http.ResponseWriter, r *http.Request) error {
	name := httpd.Param(r, "namespace")
	if account.CheckName(name, true) != nil {
		return errs.New(errs.NotFound, "There is nothing at this address.")
	}
	owner, err := a.Accounts.Namespace(r.Context(), nil, name)
	if errs.Is(err, errs.NotFound) {
		if now, former := a.Accounts.Former(r.Context(), name); former == nil {
			seeOther(w, "/"+escape(now.Name))
			return nil
		}
		return errs.New(errs.NotFound, "There is no user or organization of this name.")
	}
	if err != nil {
		return err
	}
	p := namespacePage{page: newPage(r, owner.Name), Name: owner.Name, Kind: "User", Nothing: true}
	if owner.Kind == account.KindOrg {
		p.Kind = "Organization"
		if p.Links, err = a.orgLinks(r, owner); err != nil {
			return err
		}
	}
	for _, typ := range hub.RepoTypes {
		s := namespaceShelf{ID: typ.Plural(), Title: titles[typ]}
		var next string
		if s.Repos, next, err = a.shelf(r, repo.Query{Type: typ, Author: owner.Name, Sort: "lastModified", Page: hub.Page{Limit: onNamespace}}); err != nil {
			return err
		}
		if next != "" {
			s.MorePath = listPath(typ, url.Values{"author": {owner.Name}})
		}
		p.Nothing = p.Nothing && len(s.Repos) == 0
		p.Shelves = append(p.Shelves, s)
	}
	return write(w, r, http.StatusOK, "namespace", p)
}
