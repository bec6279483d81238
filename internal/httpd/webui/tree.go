package webui

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	filesOnRepo = 100
	filesOnPage = content.MaxPageExpand
)

// fileList is a page of a folder.
type fileList struct {
	Up       string // the folder above
	Entries  []fileRow
	NextPath string
}

type fileRow struct {
	Name, Path, Download    string
	Dir                     bool
	Size                    int64
	CommitPath, CommitTitle string
	CommitDate              time.Time
}

type treePage struct {
	page
	Head      repoHead
	Rev       string
	Crumbs    crumbs
	Latest    *commitLine
	Files     fileList
	FirstPath string
	Archive   string // of the whole revision, on the page of its top folder
}

func (a *API) tree(w http.ResponseWriter, r *http.Request) error {
	snap, rev, dir, err := a.at(r)
	if err != nil {
		return err
	}
	head, err := a.head(r, "files")
	if err != nil {
		return err
	}
	base := addressOf(snap.Repo.ID())
	p := treePage{page: repoPageOf(r, clip(dir, 100)), Head: head, Rev: clip(rev, 100), Crumbs: crumbsOf(base, snap, rev, dir)}
	if dir == "" {
		p.Archive = base.archive(rev)
	}
	cursor := r.URL.Query().Get("cursor")
	if cursor != "" {
		p.FirstPath = base.tree(rev, dir)
	}
	if p.Files, err = a.files(r, snap, rev, dir, hub.Page{Limit: filesOnPage, Cursor: cursor}); err != nil {
		return err
	}
	if p.Latest, err = latest(r, base, snap); err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "tree", p)
}

// files lists a folder, with the last change of each entry.
func (a *API) files(r *http.Request, snap *content.Snapshot, rev, dir string, page hub.Page) (fileList, error) {
	base := addressOf(snap.Repo.ID())
	list, next, err := a.Content.List(r.Context(), snap, content.ListOptions{Dir: dir, Expand: httpd.Of(r).Route.ID == "treePage", Page: page})
	if err != nil {
		return fileList{}, err
	}
	out := fileList{Entries: make([]fileRow, len(list))}
	for i, e := range list {
		out.Entries[i] = fileRowOf(base, rev, e)
	}
	if dir != "" {
		out.Up = base.tree(rev, strings.TrimPrefix(path.Dir("/"+dir), "/"))
	}
	if next != "" {
		out.NextPath = base.tree(rev, dir) + "?" + url.Values{"cursor": {next}}.Encode()
	}
	return out, nil
}

func fileRowOf(base address, rev string, e content.Entry) fileRow {
	row := fileRow{Name: path.Base(e.Path), Dir: e.Type == "directory", Size: e.Size}
	if row.Dir {
		row.Path = base.tree(rev, e.Path)
	} else {
		row.Path, row.Download = base.blob(rev, e.Path), base.download(rev, e.Path)
	}
	if c := e.LastCommit; c != nil {
		row.CommitPath, row.CommitTitle = base.commit(c.ID), titleOf(c.Title)
		row.CommitDate, _ = time.Parse(time.RFC3339, c.Date)
	}
	return row
}

// crumbs are the way from a repository's top folder to a path.
type crumbs struct {
	Root, RootPath string
	Parts          []crumb
}

type crumb struct{ Name, Path string }

func crumbsOf(base address, snap *content.Snapshot, rev, p string) crumbs {
	c := crumbs{Root: snap.Repo.Name, RootPath: base.tree(rev, "")}
	if p == "" {
		return c
	}
	segs := strings.Split(p, "/")
	for i, s := range segs {
		part := crumb{Name: s}
		if i < len(segs)-1 {
			part.Path = base.tree(rev, strings.Join(segs[:i+1], "/"))
		}
		c.Parts = append(c.Parts, part)
	}
	return c
}
