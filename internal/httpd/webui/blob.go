package webui

import (
	"bytes"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/content"
)

const (
	maxText  = 512 << 10
	maxImage = 20 << 20
	maxLines = 20_000 // beyond, lines have no numbers
)

type blobPage struct {
	page
	Head                  repoHead
	Rev                   string
	Crumbs                crumbs
	Name                  string
	Size                  int64
	SHA256, XetHash       string // of a large file
	RawPath, DownloadPath string

	// One of these, or none for what is not shown.
	Prose    template.HTML
	Image    bool
	Text     string
	TooLarge bool
	Lines    int
	Gutter   string
}

func (a *API) blob(w http.ResponseWriter, r *http.Request) error {
	snap, rev, name, err := a.at(r)
	if err != nil {
		return err
	}
	f, err := a.Content.File(r.Context(), snap, name)
	if err != nil {
		return err
	}
	head, err := a.head(r, "files")
	if err != nil {
		return err
	}
	base := addressOf(snap.Repo.ID())
	p := blobPage{
		page: repoPageOf(r, clip(name, 100)), Head: head, Rev: clip(rev, 100), Crumbs: crumbsOf(base, snap, rev, name),
		Name: path.Base(name), Size: f.Size, RawPath: base.resolve(rev, name), DownloadPath: base.download(rev, name),
	}
	if f.Large != nil {
		p.SHA256, p.XetHash = f.Large.SHA256.String(), f.Large.Hash.String()
	}
	if err := p.show(r, f, base, rev); err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "blob", p)
}

// show decides by the name and the bytes what a browser gets to see of a file.
func (p *blobPage) show(r *http.Request, f *content.File, base address, rev string) error {
	ext := strings.ToLower(path.Ext(f.Path))
	if pictures[ext] {
		p.Image = f.Size > 0 && f.Size <= maxImage
		p.TooLarge = f.Size > maxImage
		return nil
	}
	if p.TooLarge = f.Size > maxText; p.TooLarge {
		return nil
	}
	text, err := read(r, f, maxText)
	if err != nil || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return err
	}
	if ext == ".md" || ext == ".markdown" {
		dir := strings.TrimPrefix(path.Dir("/"+f.Path), "/")
		_, body, _ := card.Split(text)
		p.Prose, err = renderMarkdown(base, rev, dir, body)
		return err
	}
	p.Text = string(text)
	p.Lines = bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		p.Lines++
	}
	p.Gutter = gutter(p.Lines)
	return nil
}

// pictures are what browsers show and no program hides in.
var pictures = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true, ".avif": true}

func gutter(lines int) string {
	if lines > maxLines {
		return ""
	}
	var b strings.Builder
	for i := 1; i <= lines; i++ {
		b.WriteString(strconv.Itoa(i))
		b.WriteByte('\n')
	}
	return b.String()
}
