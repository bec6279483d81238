package fileapi

import (
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/archive"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

// How many archives are sent at once, in all and to one client.
const (
	archivesAtOnce = 32
	archivesEach   = 4
)

// archive packs all files of a revision while it is sent. Its size is not known before its end, so there are no ranges.
func (a *API) archive(w http.ResponseWriter, r *http.Request) error {
	rest, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	rev, format, err := archiveOf(rest)
	if err != nil {
		return err
	}
	snap, err := a.Content.At(r.Context(), httpd.Of(r).Repo, rev)
	if err != nil {
		return err
	}
	leave, err := a.archives.Enter(w.Header(), a.Client(r))
	if err != nil {
		return err
	}
	defer leave()
	o := content.ArchiveOptions{Format: format, Folder: folderOf(snap.Repo.Name, rev)}
	if r.URL.Query().Has("lfs") {
		o.Pointers = !httpd.Bool(r, "lfs")
	}
	packed, err := a.Content.Archive(r.Context(), snap, o)
	if err != nil {
		return err
	}
	h, etag := w.Header(), `"`+packed.ETag+`"`
	h.Set("ETag", etag)
	h.Set("X-Repo-Commit", snap.Commit.String())
	h.Set("Cache-Control", "private, no-cache")
	if httpd.NotModified(r, etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	describe(h, o.Folder+string(format), true)
	h.Set("Content-Type", format.MediaType())
	h.Set("Accept-Ranges", "none")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	a.Count(r, snap.Repo.RowID)
	return packed.Write(r.Context(), httpd.Patient(w))
}

// archiveOf splits the last part of the address into revision and format.
func archiveOf(name string) (rev string, f archive.Format, err error) {
	for _, f := range []archive.Format{archive.TarGz, archive.Zip} {
		if rev, ok := strings.CutSuffix(name, string(f)); ok && rev != "" {
			return rev, f, nil
		}
	}
	return "", "", errs.New(errs.NotFound, "An archive's address ends in a revision and .tar.gz or .zip.")
}

// folderOf names the folder in which an archive's files stand.
func folderOf(repo, rev string) string {
	return repo + "-" + strings.Map(func(c rune) rune {
		if c == '/' || c == '\\' || c < 0x20 {
			return '-'
		}
		return c
	}, rev)
}
