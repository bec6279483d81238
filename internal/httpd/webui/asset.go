package webui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/web"
)

// assets are the files that pages refer to, under addresses that hold the hash of what is in them, so that a browser
// may keep each for good.
type assets struct {
	files map[string][]byte // hash.ext → content
	paths map[string]string // name in templates → address
}

// newAssets joins all style sheets into one, the design system first, and takes the pictures as they are.
func newAssets(files fs.FS) (*assets, error) {
	a := &assets{files: map[string][]byte{}, paths: map[string]string{}}
	var style bytes.Buffer
	for _, pattern := range []string{"asset/*.css", "part/*.css", "page/*/*.css"} {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			return nil, err
		}
		slices.Sort(names)
		for _, name := range names {
			b, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, err
			}
			style.Write(b)
		}
	}
	a.add("style.css", style.Bytes())
	pictures, err := fs.Glob(files, "asset/*.svg")
	if err != nil {
		return nil, err
	}
	for _, name := range pictures {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		a.add(path.Base(name), b)
	}
	return a, nil
}

func (a *assets) add(name string, b []byte) {
	sum := sha256.Sum256(b)
	file := hex.EncodeToString(sum[:16]) + path.Ext(name)
	a.files[file], a.paths[name] = b, "/assets/"+file
}

// site is what pages are made of, loaded for the first that is asked for: most starts of the program, which may be for a
// command, need none of it. What is wrong with the embedded files is an error of each page; the tests load all.
var site = sync.OnceValues(func() (*parts, error) {
	a, err := newAssets(web.Files)
	if err != nil {
		return nil, err
	}
	t, err := newTemplates(web.Files, a)
	if err != nil {
		return nil, err
	}
	return &parts{a, t}, nil
})

type parts struct {
	assets *assets
	pages  *templates
}

const forGood = "public, max-age=31536000, immutable"

func serveAsset(w http.ResponseWriter, r *http.Request) error {
	name, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	s, err := site()
	if err != nil {
		return errs.Wrap("webui.serveAsset", err)
	}
	b, ok := s.assets.files[name]
	if !ok {
		return errs.New(errs.NotFound, "There is no such file. Load the page again: the hub may have been upgraded.")
	}
	serveFile(w, r, mime.TypeByExtension(path.Ext(name)), forGood, b)
	return nil
}

// serveFile writes what is the same for everybody.
func serveFile(w http.ResponseWriter, r *http.Request, contentType, cache string, b []byte) {
	sum := sha256.Sum256(b)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}
