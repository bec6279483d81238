package webui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/verify"
)

const (
	filesOfCommit = 100
	patchesShown  = 512 << 10 // bytes of all patches of a page
	maxMessage    = 20_000    // runes of a message that are shown
	maxParents    = 20
)

type commitPage struct {
	page
	Head           repoHead
	Subject, Body  string
	Author         string
	Signed         *signedBy
	When           time.Time
	OID            string
	TreePath       string
	Parents        []crumb
	Changes        []changeRow
	Total          int
	Added, Deleted int
	More           bool // than were counted
	Restricted     bool
	NextPath       string
}

// signedBy is what the page says of a commit's signature; nil where there is none.
type signedBy struct {
	User string // who signed it and wrote it
	Why  string // why it is not verified
}

var whyNotVerified = map[verify.Reason]string{
	verify.UnknownKey: "nobody here has the key that signed it", verify.Bad: "the signature does not fit", verify.ExpiredKey: "the key had expired",
	verify.RevokedKey: "the key was revoked", verify.BadEmail: "the key is not the author's", verify.Malformed: "the signature cannot be read",
	verify.Unsupported: "signatures of this kind are not verified", verify.Unchecked: "its key was not read",
}

func (a *API) signed(r *http.Request, snap *content.Snapshot, c *content.Shown) (*signedBy, error) {
	results, err := a.Verify.Commits(r.Context(), snap.Git, []gitstore.CommitInfo{{OID: c.ID, Commit: c.Commit}})
	switch {
	case err != nil || results[0].Reason == verify.Unsigned:
		return nil, err
	case results[0].Verified:
		return &signedBy{User: results[0].Signer.User}, nil
	}
	return &signedBy{Why: whyNotVerified[results[0].Reason]}, nil
}

type changeRow struct {
	Kind, Class, Name, Was, Path string
	Large                        bool
	OldSize, Size                int64
	Lines                        []diffLine
	Binary, Short                bool
}

type diffLine struct{ Class, Text string }

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
	may, err := a.mayReadFiles(r)
	if err != nil {
		return err
	}
	o := content.ShowOptions{Limit: filesOfCommit}
	if may {
		o.Patches = patchesShown
	}
	if v := r.URL.Query().Get("p"); v != "" {
		if o.Page, err = strconv.Atoi(v); err != nil || o.Page < 0 || o.Page > 1<<20 {
			return errs.New(errs.Invalid, "p must be a page number, not %q", v)
		}
	}
	shown, err := a.Content.Show(r.Context(), snap, o)
	if err != nil {
		return err
	}
	c := shown.Commit
	head, err := a.head(r, "files")
	if err != nil {
		return err
	}
	base, id := addressOf(snap.Repo.ID()), snap.Commit.String()
	p := commitPage{
		page: repoPageOf(r, titleOf(c.Subject())), Head: head, Subject: titleOf(c.Subject()), Body: clip(c.Body(), maxMessage),
		Author: clip(c.Author.Name, 100), When: c.Committer.When, OID: id, TreePath: base.tree(id, ""),
	}
	if p.Signed, err = a.signed(r, snap, shown); err != nil {
		return err
	}
	p.Total, p.More, p.Restricted = shown.Stats.Files, shown.Stats.More, !may
	if may {
		p.Added, p.Deleted = shown.Stats.Added, shown.Stats.Deleted
	}
	for i, o := range c.Parents {
		if i < maxParents {
			p.Parents = append(p.Parents, crumb{o.String(), base.commit(o.String())})
		}
	}
	for i := range shown.Files {
		p.Changes = append(p.Changes, changeOf(base, id, &shown.Files[i]))
	}
	if shown.More {
		p.NextPath = base.commit(id) + "?" + url.Values{"p": {strconv.Itoa(o.Page + 1)}}.Encode()
	}
	return write(w, r, http.StatusOK, "commit", p)
}

// kindsOfChange are git's letters in words, and how they look.
var kindsOfChange = map[string]crumb{"A": {"added", "added"}, "D": {"deleted", "deleted"}, "M": {"changed", ""}, "R": {"renamed", ""}, "T": {"changed", ""}}

func changeOf(base address, commit string, f *content.ShownFile) changeRow {
	kind := kindsOfChange[f.Status]
	row := changeRow{Kind: kind.Name, Class: kind.Path, Name: f.Path, Path: base.blob(commit, f.Path), Binary: f.Binary && f.Patch != "", Short: f.PatchShort}
	if f.Deleted() {
		row.Path = ""
	}
	if f.Renamed() {
		row.Was = f.OldPath
	}
	if row.Large = f.Old.LFS != nil || f.New.LFS != nil; row.Large {
		row.OldSize, row.Size = sizeOf(f.Old), sizeOf(f.New)
	}
	if !f.Binary {
		row.Lines = diffLines(f.Patch)
	}
	return row
}

func sizeOf(b content.Blob) int64 {
	if b.LFS != nil {
		return b.LFS.Size
	}
	return b.Size
}

var lineClasses = map[byte]string{'+': "plus", '-': "minus", '@': "place"}

// diffLines are a patch's hunks, line by line.
func diffLines(patch string) (out []diffLine) {
	at := strings.Index(patch, "\n@@ ")
	if at < 0 {
		return nil
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(patch[at+1:], "\n"), "\n") {
		d := diffLine{Text: line}
		if line != "" {
			d.Class = lineClasses[line[0]]
		}
		out = append(out, d)
	}
	return out
}
