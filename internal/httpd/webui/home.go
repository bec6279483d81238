package webui

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

const onShelf = 8

type homePage struct {
	page
	Example string // whose name the example of an upload bears
	Shelves []homeShelf
}

type homeShelf struct {
	ID, Title, Path string
	Newest, Top     []repoCard
	Plural          string // within a sentence
	TopTitle        string // what Top is ordered by; Top is empty when nobody cared yet
	Empty           string
}

func (a *API) home(w http.ResponseWriter, r *http.Request) error {
	p := homePage{page: newPage(r, ""), Example: "you"}
	p.Description = "A self-hosted hub for models, datasets and Spaces."
	if p.User != "" {
		p.Example = shellWord(p.User)
	}
	for _, typ := range hub.RepoTypes {
		s, err := a.homeShelf(r, typ)
		if err != nil {
			return err
		}
		p.Shelves = append(p.Shelves, s)
	}
	return write(w, r, http.StatusOK, "home", p)
}

func (a *API) homeShelf(r *http.Request, typ hub.RepoType) (homeShelf, error) {
	s := homeShelf{
		ID: typ.Plural(), Title: titles[typ], Path: listPath(typ, nil),
		Plural: nouns[typ] + "s", TopTitle: "Most downloaded", Empty: "No " + nouns[typ] + "s yet.",
	}
	sort, number := "downloads", func(c repoCard) int64 { return c.Downloads }
	if typ == hub.Space { // a Space is opened, not downloaded
		sort, number = "likes", func(c repoCard) int64 { return c.Likes }
		s.TopTitle = "Most liked"
	}
	var err error
	if s.Newest, _, err = a.shelf(r, repo.Query{Type: typ, Sort: "createdAt", Page: hub.Page{Limit: onShelf}}); err != nil || len(s.Newest) == 0 {
		return s, err
	}
	top, _, err := a.shelf(r, repo.Query{Type: typ, Sort: sort, Page: hub.Page{Limit: onShelf}})
	for _, c := range top {
		if number(c) > 0 {
			s.Top = append(s.Top, c)
		}
	}
	return s, err
}
