package webui

import (
	"bytes"
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
)

// at opens the request's repository at the revision in its path; the rest of the path comes back, and the revision as
// the address has it.
func (a *API) at(r *http.Request) (snap *content.Snapshot, rev, path string, err error) {
	rp := httpd.Of(r).Repo
	rev, path, err = httpd.RevPath(r, func(rev string) bool { return a.Content.Known(r.Context(), rp, rev) })
	if err != nil {
		return nil, "", "", err
	}
	snap, err = a.Content.At(r.Context(), rp, rev)
	return snap, rev, path, err
}

// read gives at most limit bytes of a file's beginning.
func read(r *http.Request, f *content.File, limit int64) ([]byte, error) {
	var b bytes.Buffer
	err := f.WriteRange(r.Context(), &b, 0, min(f.Size, limit))
	return b.Bytes(), err
}

// commitLine is a commit in one line.
type commitLine struct {
	Path, Title, Author, Short string
	When                       time.Time
}

// shortOID is how much of an id people need.
const shortOID = 10

func latest(r *http.Request, base address, snap *content.Snapshot) (*commitLine, error) {
	c, err := snap.Git.Commit(r.Context(), snap.Commit)
	if err != nil {
		return nil, err
	}
	id := snap.Commit.String()
	return &commitLine{Path: base.commit(id), Title: titleOf(c.Subject()), Author: clip(c.Author.Name, 100), Short: id[:shortOID], When: c.Committer.When}, nil
}

// titleOf makes a title that can be clicked.
func titleOf(s string) string {
	if s == "" {
		return "(no title)"
	}
	return clip(s, 200)
}
