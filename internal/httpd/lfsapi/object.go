package lfsapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// upload takes the bytes of an object. They count once they are known to be those that were announced.
func (a *API) upload(w http.ResponseWriter, r *http.Request) error {
	g, err := a.open(r, lfs.Upload, authz.RepoWrite)
	if err != nil {
		return err
	}
	p := g.pointer
	switch {
	case a.MaxObject > 0 && p.Size > a.MaxObject:
		return errs.New(errs.TooLarge, "The object is larger than the %d bytes that are allowed", a.MaxObject)
	case r.ContentLength >= 0 && r.ContentLength != p.Size:
		return errs.New(errs.Invalid, "The body has %d bytes instead of the stated %d", r.ContentLength, p.Size)
	}
	if err := a.hasRoom(r, g); err != nil {
		return err
	}
	body, err := xetapi.RequestBody(w, r, p.Size+1)
	if err != nil {
		return err
	}
	if _, err := a.Store.Ingest(r.Context(), g.scope, body, xetstore.Expect{SHA256: &g.sha, Size: p.Size}); err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+p.OID+`"`)
	w.WriteHeader(http.StatusOK)
	return nil
}

// hasRoom refuses an object that there is no room for, unless it came meanwhile.
func (a *API) hasRoom(r *http.Request, g granted) error {
	err := a.Gate.HasRoom(r.Context(), g.scope.RepoID, g.pointer.Size)
	if err == nil {
		return nil
	}
	if _, here, e := a.Store.FindFile(r.Context(), g.scope.RepoID, g.sha); here || e != nil {
		return e
	}
	return err
}

// download gives an object's bytes, whole or one range of them.
func (a *API) download(w http.ResponseWriter, r *http.Request) error {
	g, err := a.open(r, lfs.Download, authz.RepoContent)
	if err != nil {
		return err
	}
	f, found, err := a.Store.FindFile(r.Context(), g.scope.RepoID, g.sha)
	if err != nil {
		return err
	}
	if !found {
		return errs.New(errs.NotFound, "The object does not exist in this repository")
	}
	switch lost, err := a.Store.IsLost(r.Context(), f); {
	case err != nil:
		return err
	case lost:
		return xetstore.ErrLost("the object")
	}
	h, etag := w.Header(), `"`+g.pointer.OID+`"`
	h.Set("ETag", etag)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "private, max-age="+strconv.FormatInt(int64(a.Xet.URLTTL/time.Second), 10)+", immutable")
	if httpd.NotModified(r, etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	span, status := httpd.Span{Off: 0, N: f.Size}, http.StatusOK
	if httpd.RangeHolds(r, etag) {
		spans, err := httpd.ParseRange(r.Header.Get("Range"), f.Size)
		if err != nil {
			h.Set("Content-Range", "bytes */"+strconv.FormatInt(f.Size, 10))
			return err
		}
		if len(spans) == 1 { // no LFS client asks for several; the whole object is a right answer to those
			span, status = spans[0], http.StatusPartialContent
			h.Set("Content-Range", span.ContentRange(f.Size))
		}
	}
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Length", strconv.FormatInt(span.N, 10))
	if r.Method == http.MethodHead || span.N == 0 {
		w.WriteHeader(status)
		return nil
	}
	return a.Store.WriteTo(r.Context(), httpd.Answer(w, status), f, span.Off, span.N)
}
