package webui

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/avatar"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

const maxAvatarName = 200

// avatar serves a picture under an address that is good for this picture only: one that was uploaded by its hash, for as
// long as somebody shows it, and the drawing of a name. For a drawing it asks nobody whether the name exists, so it tells
// nobody.
func (a *API) avatar(w http.ResponseWriter, r *http.Request) error {
	file := httpd.Param(r, "file")
	if hash, ok := strings.CutSuffix(file, ".jpg"); ok {
		b, err := a.Profiles.Picture(r.Context(), hash)
		if err != nil {
			return err
		}
		serveFile(w, r, "image/jpeg", forGood, b)
		return nil
	}
	name, ok := strings.CutSuffix(file, ".svg")
	if !ok || name == "" || len(name) > maxAvatarName || !utf8.ValidString(name) {
		return errs.New(errs.NotFound, "There is no such picture.")
	}
	serveFile(w, r, "image/svg+xml", "public, max-age=86400", avatar.SVG(name))
	return nil
}
