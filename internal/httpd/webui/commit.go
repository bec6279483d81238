package webui

import (
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	maxChanges = 500
	maxMessage = 20_000 // runes of a message that are shown
	maxParents = 20
)

type commitPage struct {
	page
	Head          repoHead
	Subject, Body string
	Author        string
	When          time.Time
	OID           string
	TreePath      string
	Parents       []crumb
	Changes       []changeRow
	More          bool
}

type changeRow struct{ Kind, Class, Name, Path string }

// commit shows a commit and what it changed since its first parent.
func (a *API) commit(w http.ResponseWriter, r *http.Request) error {
	rev, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	snap, err := a.Content.At(r.Context(), httpd.Of(r).Repo, rev)
	if err != nil {
		return err
	}
	c, err := snap.Git.Commit(r.Context(), snap.Commit)
	if err != nil {
		return err
	}
	head, err := a.head(r, "files")
	if err != nil {
		return err
	}
	base, id := addressOf(snap.Repo.ID()), snap.Commit.String()
	p := commitPage{
		page: repoPageOf(r, titleOf(c.Subject())), Head: head, Subject: titleOf(c.Subject()), Body: clip(c.Body(), maxMessage),
		Author: clip(c.Author.Name, 100), When: c.Committer.When, OID: id, TreePath: base.tree(id, ""),
	}
	var parent hub.OID // zero for a first commit: all of it is new
	for i, o := range c.Parents {
		if i == 0 {
			parent = o
		}
		if i < maxParents {
			p.Parents = append(p.Parents, crumb{o.String(), base.commit(o.String())})
		}
	}
	list, more, err := snap.Git.Diff(r.Context(), parent, snap.Commit, gitstore.DiffOptions{Limit: maxChanges})
	if err != nil {
		return err
	}
	p.More = more
	for _, ch := range list {
		p.Changes = append(p.Changes, changeOf(base, id, ch))
	}
	return write(w, r, http.StatusOK, "commit", p)
}

func changeOf(base address, commit string, c gitstore.Change) changeRow {
	row := changeRow{Kind: "changed", Name: c.Path, Path: base.blob(commit, c.Path)}
	switch {
	case c.NewOID.IsZero():
		row.Kind, row.Class, row.Path = "deleted", "deleted", ""
	case c.OldOID.IsZero():
		row.Kind, row.Class = "added", "added"
	}
	return row
}
