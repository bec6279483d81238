package webui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/repo"
)

const (
	onNamespace = 24
	peopleOnTab = 60
)

// namespacePage is a user or an organisation: who they are beside one of the tabs.
type namespacePage struct {
	page
	Name, Kind, Fullname string
	IsOrg                bool
	About                profile.Profile
	Links                []profile.Link
	WebsiteShown         string // without its scheme
	Followers, Following int64
	Members              int64
	Orgs                 []personLink
	Since                time.Time
	Follow               followButton
	Ways                 []settingsItem // to settings, members and joining, for whom they lead there

	Tabs     []tab
	Tab      string
	Shelves  []namespaceShelf
	People   []personLink
	Liked    []likedLink
	NextPath string
	Nothing  bool
}

type followButton struct {
	Path     string // empty: nobody follows oneself
	Followed bool
	SignIn   bool
}

type tab struct {
	Title, Path string
	Here        bool
}

type namespaceShelf struct {
	ID, Title, MorePath string
	Repos               []repoCard
}

type personLink struct{ Name, Fullname, Path string }

type likedLink struct {
	Kind, Name, Path string
	At               time.Time
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
	p := namespacePage{page: newPage(r, owner.Name), Name: owner.Name, Kind: "User", IsOrg: owner.Kind == account.KindOrg, Tab: r.URL.Query().Get("tab")}
	if p.IsOrg {
		p.Kind = "Organization"
	}
	if err := a.about(r, owner, &p); err != nil {
		return err
	}
	p.tabs(owner)
	if err := a.namespaceTab(r, owner, &p); err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "namespace", p)
}

// tabs are the parts of the page; what an address asks for that is none is the first.
func (p *namespacePage) tabs(o account.Owner) {
	path := "/" + escape(o.Name)
	names := []struct{ title, tab string }{{"Repositories", ""}, {"Likes", "likes"}, {"Followers", "followers"}, {"Following", "following"}}
	if p.IsOrg {
		names = []struct{ title, tab string }{{"Repositories", ""}, {"Followers", "followers"}}
	}
	known := false
	for _, n := range names {
		known = known || n.tab == p.Tab
	}
	if !known {
		p.Tab = ""
	}
	for _, n := range names {
		t := tab{Title: n.title, Path: path, Here: n.tab == p.Tab}
		if n.tab != "" {
			t.Path += "?tab=" + n.tab
		}
		p.Tabs = append(p.Tabs, t)
	}
}

// about is what stands beside every tab.
func (a *API) about(r *http.Request, o account.Owner, p *namespacePage) (err error) {
	ctx, by := r.Context(), httpd.Of(r).Actor
	if p.About, err = a.Profiles.Get(ctx, o.ID); err != nil {
		return err
	}
	n, err := a.Profiles.Count(ctx, o.ID)
	if err != nil {
		return err
	}
	p.Links, p.Followers, p.Following = p.About.Socials.Links(), n.Followers, n.Following
	_, p.WebsiteShown, _ = strings.Cut(strings.TrimSuffix(p.About.Website, "/"), "://")
	p.Description = clip(p.About.Bio, 160)
	if err := a.whoItIs(r, o, p); err != nil {
		return err
	}
	p.Follow = followButton{Path: followPath(o)}
	switch {
	case by.Anonymous():
		p.Follow.SignIn, p.Follow.Path = true, signInPath("/"+escape(o.Name))
	case by.UserID == o.ID:
		p.Follow.Path = ""
	default:
		p.Follow.Followed, err = a.Profiles.Follows(ctx, by.UserID, o.ID)
	}
	return err
}

func (a *API) whoItIs(r *http.Request, o account.Owner, p *namespacePage) error {
	ctx, by := r.Context(), httpd.Of(r).Actor
	if p.IsOrg {
		org, err := a.Orgs.GetByID(ctx, o.ID)
		if err != nil {
			return err
		}
		p.Fullname, p.Since = org.Fullname, org.CreatedAt
		if p.Ways, err = a.orgLinks(r, o); err != nil {
			return err
		}
		p.Members, err = a.Orgs.CountMembers(ctx, o.ID)
		return err
	}
	u, err := a.Accounts.GetByID(ctx, o.ID)
	if err != nil {
		return err
	}
	p.Fullname, p.Since = u.Fullname, u.CreatedAt
	if by.UserID == o.ID {
		p.Ways = []settingsItem{{Title: "Settings", Path: "/settings"}}
	}
	orgs, err := a.Orgs.OrgsSeen(ctx, by, a.Authz.SiteAdminProof(by), o.ID)
	for _, m := range orgs {
		p.Orgs = append(p.Orgs, personLink{m.Name, m.Fullname, "/" + escape(m.Name)})
	}
	return err
}

func (a *API) namespaceTab(r *http.Request, o account.Owner, p *namespacePage) (err error) {
	page, next := hub.Page{Limit: peopleOnTab, Cursor: r.URL.Query().Get("cursor")}, ""
	switch p.Tab {
	case "":
		return a.shelves(r, o, p)
	case "likes":
		var likes []repo.Liked
		likes, next, err = a.Repos.LikesOf(r.Context(), httpd.Of(r).Actor, o.ID, page)
		for _, l := range likes {
			p.Liked = append(p.Liked, likedLink{kinds[l.Type], l.ID.String(), string(addressOf(l.ID)), l.At})
		}
		p.Nothing = len(likes) == 0
	default:
		var list []profile.Someone
		if p.Tab == "followers" {
			list, next, err = a.Profiles.Followers(r.Context(), o.ID, page)
		} else {
			list, next, err = a.Profiles.Following(r.Context(), o.ID, account.KindUser, page)
		}
		for _, s := range list {
			p.People = append(p.People, personLink{s.Name, s.Fullname, "/" + escape(s.Name)})
		}
		p.Nothing = len(list) == 0
	}
	if next != "" {
		p.NextPath = "/" + escape(o.Name) + "?" + url.Values{"tab": {p.Tab}, "cursor": {next}}.Encode()
	}
	return err
}

func (a *API) shelves(r *http.Request, o account.Owner, p *namespacePage) (err error) {
	p.Nothing = true
	for _, typ := range hub.RepoTypes {
		s := namespaceShelf{ID: typ.Plural(), Title: titles[typ]}
		var next string
		if s.Repos, next, err = a.shelf(r, repo.Query{Type: typ, Author: o.Name, Sort: "lastModified", Page: hub.Page{Limit: onNamespace}}); err != nil {
			return err
		}
		if next != "" {
			s.MorePath = listPath(typ, url.Values{"author": {o.Name}})
		}
		p.Nothing = p.Nothing && len(s.Repos) == 0
		p.Shelves = append(p.Shelves, s)
	}
	return nil
}
