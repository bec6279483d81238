package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// largeRoutes manage the large files that a repository stores. The list is for writers: it names files that no
// revision shows.
func (a *API) largeRoutes() []httpd.Route {
	return []httpd.Route{
		{ID: "listLargeFiles", Method: http.MethodGet, Path: repoPath + "/lfs-files", Right: authz.RepoWrite, Handler: a.largeFiles},
		{ID: "listReleasedVersions", Method: http.MethodGet, Path: repoPath + "/lfs-files/release", Right: authz.RepoWrite, Handler: a.releasedVersions},
		{ID: "deleteLargeFile", Method: http.MethodDelete, Path: repoPath + "/lfs-files/{sha}", Right: authz.RepoAdmin, Handler: a.deleteLarge},
		{ID: "deleteLargeFiles", Method: http.MethodPost, Path: repoPath + "/lfs-files/batch", Right: authz.RepoAdmin, Handler: a.deleteLargeBatch},
		{ID: "copyLargeFiles", Method: http.MethodPost, Path: repoPath + "/lfs-files/duplicate", Right: authz.RepoContent, Handler: a.copyLarge},
	}
}

type largeItem struct {
	FileOID  string  `json:"fileOid"` // what deletions name it by
	OID      string  `json:"oid"`
	Size     int64   `json:"size"`
	PushedAt string  `json:"pushedAt"`
	Filename string  `json:"filename"` // empty while no commit has named it: clients demand the member
	Ref      string  `json:"ref,omitempty"`
	Pusher   *pusher `json:"pusher,omitempty"`
	XetHash  string  `json:"xetHash,omitempty"`
}

type pusher struct {
	ID        string `json:"_id"`
	AvatarURL string `json:"avatarUrl"`
	Fullname  string `json:"fullname"`
	Name      string `json:"name"`
	IsHF      bool   `json:"isHf"`
	IsHFAdmin bool   `json:"isHfAdmin"`
	IsMod     bool   `json:"isMod"`
	Type      string `json:"type"`
	IsPro     bool   `json:"isPro"`
}

func (a *API) largeFiles(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, content.MaxLargeFiles, content.MaxLargeFiles)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	list, next, err := a.Content.LargeFiles(r.Context(), st.Repo, page)
	if err != nil {
		return err
	}
	users, err := a.Accounts.ByIDs(r.Context(), pushers(list))
	if err != nil {
		return err
	}
	out := make([]largeItem, len(list))
	for i := range list {
		out[i] = largeOf(&list[i], httpd.Bool(r, "xet"))
		if u := users[list[i].UserID]; u != nil {
			out[i].Pusher = pusherOf(st.Origin, u)
		}
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}

func pushers(list []xetstore.Stored) (ids []string) {
	seen := map[string]bool{"": true}
	for i := range list {
		if id := list[i].UserID; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

func largeOf(f *xetstore.Stored, withXet bool) largeItem {
	id := f.SHA256.String()
	if f.SHA256 == (hub.SHA256{}) {
		id = f.Hash.String() // the hub was never told its SHA-256
	}
	item := largeItem{FileOID: id, OID: id, Size: f.Size, PushedAt: content.Date(f.Since), Filename: f.Path, Ref: f.Ref}
	if withXet {
		item.XetHash = f.Hash.String()
	}
	return item
}

func pusherOf(origin string, u *account.User) *pusher {
	return &pusher{ID: u.ID, AvatarURL: AvatarURL(origin, u.Name), Fullname: u.Fullname, Name: u.Name, Type: "user"}
}

func (a *API) deleteLarge(w http.ResponseWriter, r *http.Request) error {
	rewrite := !r.URL.Query().Has("rewriteHistory") || httpd.Bool(r, "rewriteHistory")
	return a.deleteLargeFiles(w, r, []string{httpd.Param(r, "sha")}, rewrite)
}

const maxLargeBody = 1 << 20

func (a *API) deleteLargeBatch(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Deletions struct {
			SHA            []string `json:"sha"`
			RewriteHistory *bool    `json:"rewriteHistory"`
		} `json:"deletions"`
	}
	if err := httpd.ReadJSON(w, r, maxLargeBody, &b); err != nil {
		return err
	}
	d := b.Deletions
	return a.deleteLargeFiles(w, r, d.SHA, d.RewriteHistory == nil || *d.RewriteHistory)
}

func (a *API) deleteLargeFiles(w http.ResponseWriter, r *http.Request, shas []string, rewrite bool) error {
	ids, err := content.ParseLargeIDs(shas)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	if err := a.Content.DeleteLarge(r.Context(), st.Actor, st.Repo, ids, rewrite); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true})
}

// copyBody is what is copied where to.
type copyBody struct {
	Target struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"target"`
	Files []struct {
		XetHash string `json:"xetHash"`
		SHA256  string `json:"sha256"`
	} `json:"files"`
}

func (b *copyBody) files() ([]content.LargeCopy, error) {
	if len(b.Files) == 0 || len(b.Files) > content.MaxLargeFiles {
		return nil, errs.New(errs.Invalid, `"files" must name 1 to %d large files.`, content.MaxLargeFiles)
	}
	seen := map[content.LargeCopy]bool{}
	var out []content.LargeCopy
	for _, f := range b.Files {
		c, err := content.ParseLargeCopy(f.XetHash, f.SHA256)
		if err != nil {
			return nil, err
		}
		if !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// copyFailure is a file that was not copied.
type copyFailure struct {
	XetHash string `json:"xetHash"`
	SHA256  string `json:"sha256"`
	Error   string `json:"error"`
}

func (a *API) copyLarge(w http.ResponseWriter, r *http.Request) error {
	var b copyBody
	if err := httpd.ReadJSON(w, r, maxLargeBody, &b); err != nil {
		return err
	}
	typ, err := repoType(b.Target.Type)
	if err != nil {
		return err
	}
	to, err := fullID("target.name", typ, b.Target.Name)
	if err != nil {
		return err
	}
	files, err := b.files()
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	target, err := a.Repos.CopyTarget(r.Context(), st.Actor, st.Repo, to)
	if err != nil {
		return err
	}
	if err := a.Content.CopyLarge(r.Context(), st.Actor, st.Repo, target, files); err != nil {
		return err
	}
	failed := []copyFailure{}
	for _, f := range files {
		if f.Reason != "" {
			failed = append(failed, copyFailure{f.Xet.String(), f.SHA256.String(), f.Reason})
		}
	}
	status := http.StatusOK
	if len(failed) > 0 {
		status = http.StatusMultiStatus
	}
	return httpd.JSON(w, r, status, map[string]any{"success": len(failed) == 0, "processed": len(files), "succeeded": len(files) - len(failed), "failed": failed})
}
