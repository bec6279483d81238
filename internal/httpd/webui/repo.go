package webui

import (
	"html/template"
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/markdown"
)

const (
	readmePath = "README.md"
	maxReadme  = 2 << 20 // the front matter and all that markdown shows
)

type repoPage struct {
	page
	Head       repoHead
	Restricted bool // the caller may see the repository and not its files
	Card       template.HTML
	Facts      []fact
	MoreFacts  int
	Latest     *commitLine
	Files      fileList
	Snippets   []snippet
}

func (a *API) repo(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	rp := st.Repo
	head, err := a.head(r, "card")
	if err != nil {
		return err
	}
	p := repoPage{page: repoPageOf(r, ""), Head: head, Snippets: snippets(rp, st.Origin)}
	snap, err := a.Content.At(r.Context(), rp, "")
	if errs.Is(err, errs.NotFound) {
		return write(w, r, http.StatusOK, "repo", p) // nothing was ever committed
	}
	if err != nil {
		return err
	}
	base := addressOf(rp.ID())
	if p.Latest, err = latest(r, base, snap); err != nil {
		return err
	}
	if p.Files, err = a.files(r, snap, rp.DefaultBranch, "", hub.Page{Limit: filesOnRepo}); err != nil {
		return err
	}
	if err := a.showCard(r, snap, &p); err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "repo", p)
}

// showCard renders the README for who may read files: a card is a file as any other.
func (a *API) showCard(r *http.Request, snap *content.Snapshot, p *repoPage) error {
	rp := snap.Repo
	may, err := a.mayReadFiles(r)
	if p.Restricted = !may; err != nil || !may {
		return err
	}
	f, err := a.Content.File(r.Context(), snap, readmePath)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := read(r, f, maxReadme)
	if err != nil {
		return err
	}
	_, body, _ := card.Split(text)
	c, _, _ := card.Parse(text, rp.Type)
	p.Facts, p.MoreFacts = factsOf(c.Data)
	p.Card, err = renderMarkdown(addressOf(rp.ID()), rp.DefaultBranch, "", body)
	return err
}

// mayReadFiles reports whether the caller may read what is in files: a gated repository shows who did not ask their names only.
func (a *API) mayReadFiles(r *http.Request) (bool, error) {
	st := httpd.Of(r)
	err := a.Authz.Repo(r.Context(), st.Actor, st.Repo.Subject(), authz.RepoContent)
	if errs.Is(err, errs.Forbidden) || errs.Is(err, errs.Unauthenticated) {
		return false, nil
	}
	return err == nil, err
}

// renderMarkdown makes a text in a folder of a repository into HTML whose links stay inside the repository.
func renderMarkdown(base address, rev, dir string, text []byte) (template.HTML, error) {
	return markdown.Render(text, markdown.Options{LinkBase: base.blob(rev, dir) + "/", ImageBase: base.resolve(rev, dir) + "/"})
}
