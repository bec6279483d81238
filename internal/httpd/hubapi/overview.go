package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

// overviewRoutes are users and organisations at a glance.
func (a *API) overviewRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "getUserOverview", Method: http.MethodGet, Path: userPath + "/overview", Right: authz.OwnerRead, Handler: a.userOverview},
		{ID: "getOrgOverview", Method: http.MethodGet, Path: orgPath + "/overview", Right: authz.OwnerRead, Handler: a.orgOverview},
	}
}

type overviewOrg struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Fullname  string `json:"fullname"`
	AvatarURL string `json:"avatarUrl"`
}

type userOverview struct {
	ID             string        `json:"_id"`
	User           string        `json:"user"`
	Fullname       string        `json:"fullname"`
	AvatarURL      string        `json:"avatarUrl"`
	Type           string        `json:"type"`
	IsPro          bool          `json:"isPro"`
	Details        string        `json:"details,omitempty"`
	CreatedAt      string        `json:"createdAt"`
	IsFollowing    bool          `json:"isFollowing"`
	NumModels      int64         `json:"numModels"`
	NumDatasets    int64         `json:"numDatasets"`
	NumSpaces      int64         `json:"numSpaces"`
	NumDiscussions int64         `json:"numDiscussions"`
	NumPapers      int64         `json:"numPapers"`
	NumUpvotes     int64         `json:"numUpvotes"`
	NumLikes       int64         `json:"numLikes"`
	NumFollowers   int64         `json:"numFollowers"`
	NumFollowing   int64         `json:"numFollowing"`
	Orgs           []overviewOrg `json:"orgs"`
}

type orgOverview struct {
	ID           string `json:"_id"`
	Name         string `json:"name"`
	Fullname     string `json:"fullname"`
	AvatarURL    string `json:"avatarUrl"`
	Type         string `json:"type"`
	Details      string `json:"details,omitempty"`
	CreatedAt    string `json:"createdAt"`
	IsFollowing  bool   `json:"isFollowing"`
	IsVerified   bool   `json:"isVerified"`
	NumUsers     int64  `json:"numUsers"`
	NumModels    int64  `json:"numModels"`
	NumDatasets  int64  `json:"numDatasets"`
	NumSpaces    int64  `json:"numSpaces"`
	NumPapers    int64  `json:"numPapers"`
	NumFollowers int64  `json:"numFollowers"`
}

// userOverview counts what the caller may see, in as many queries for a user with much as for one with nothing.
// Discussions and papers are not built, so there are none.
func (a *API) userOverview(w http.ResponseWriter, r *http.Request) error {
	st, ctx := httpd.Of(r), r.Context()
	u, err := a.Accounts.GetByID(ctx, st.Owner.ID)
	if err != nil {
		return err
	}
	around, err := a.around(r)
	if err != nil {
		return err
	}
	orgs, err := a.Orgs.OrgsSeen(ctx, st.Actor, a.Authz.SiteAdminProof(st.Actor), u.ID)
	if err != nil {
		return err
	}
	out := userOverview{ID: u.ID, User: u.Name, Fullname: u.Fullname, AvatarURL: AvatarURL(st.Origin, u.Name), Type: "user", CreatedAt: content.Date(u.CreatedAt),
		Details: around.bio, IsFollowing: around.followed, NumModels: around.repos[hub.Model], NumDatasets: around.repos[hub.Dataset],
		NumSpaces: around.repos[hub.Space], NumFollowers: around.followers, NumFollowing: around.following, Orgs: make([]overviewOrg, len(orgs))}
	for i, m := range orgs {
		out.Orgs[i] = overviewOrg{m.OrgID, m.Name, m.Fullname, AvatarURL(st.Origin, m.Name)}
	}
	if out.NumLikes, err = a.Repos.CountLikesOf(ctx, st.Actor, u.ID); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) orgOverview(w http.ResponseWriter, r *http.Request) error {
	st, ctx := httpd.Of(r), r.Context()
	o, err := a.Orgs.GetByID(ctx, st.Owner.ID)
	if err != nil {
		return err
	}
	around, err := a.around(r)
	if err != nil {
		return err
	}
	out := orgOverview{ID: o.ID, Name: o.Name, Fullname: o.Fullname, AvatarURL: AvatarURL(st.Origin, o.Name), Type: "org", CreatedAt: content.Date(o.CreatedAt),
		Details: around.description, IsFollowing: around.followed, NumModels: around.repos[hub.Model], NumDatasets: around.repos[hub.Dataset],
		NumSpaces: around.repos[hub.Space], NumFollowers: around.followers}
	if out.Details == "" {
		out.Details = around.bio
	}
	if out.NumUsers, err = a.Orgs.CountMembers(ctx, o.ID); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

// surroundings are what users and organisations have alike.
type surroundings struct {
	bio, description     string
	repos                map[hub.RepoType]int64
	followers, following int64
	followed             bool // by the caller
}

func (a *API) around(r *http.Request) (s surroundings, err error) {
	st, ctx := httpd.Of(r), r.Context()
	p, err := a.Profiles.Get(ctx, st.Owner.ID)
	if err != nil {
		return s, err
	}
	n, err := a.Profiles.Count(ctx, st.Owner.ID)
	if err != nil {
		return s, err
	}
	s.bio, s.description, s.followers, s.following = p.Bio, p.Description, n.Followers, n.Following
	if s.followed, err = a.Profiles.Follows(ctx, st.Actor.UserID, st.Owner.ID); err != nil {
		return s, err
	}
	s.repos, err = a.Repos.CountOwned(ctx, st.Actor, st.Owner.ID)
	return s, err
}
