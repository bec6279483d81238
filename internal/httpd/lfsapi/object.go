package lfsapi

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// uploadLife is long because clients ask once for hundreds of objects and then send them one after another. The right
// is looked at again when an address is used.
const uploadLife = 6 * time.Hour

// address is what a signed address says.
type address struct {
	operation, sha, size, repoID, userID, tokenID, expires string
}

func (d address) fields() []string {
	return []string{d.operation, d.sha, d.size, d.repoID, d.userID, d.tokenID, d.expires}
}

// action signs an address for one object, in the name of who asks.
func (a *API) action(st *httpd.State, operation string, p lfs.Pointer) lfs.Action {
	now := a.Now()
	expires := a.Xet.Expiry(now)
	if operation == lfs.Upload {
		expires = now.Add(uploadLife).Unix()
	}
	d := address{
		operation, p.OID, strconv.FormatInt(p.Size, 10), st.Repo.RowID, st.Actor.UserID, st.Actor.TokenID, strconv.FormatInt(expires, 10),
	}
	q := url.Values{"size": {d.size}, "repo": {d.repoID}, "e": {d.expires}, "s": {a.signer.Sign(d.fields()...)}}
	if d.userID != "" {
		q.Set("user", d.userID)
	}
	if d.tokenID != "" {
		q.Set("token", d.tokenID)
	}
	return lfs.Action{Href: st.Origin + "/lfs/" + operation + "/" + d.sha + "?" + q.Encode(), ExpiresIn: expires - now.Unix()}
}

// open checks the request's address and what its user may do now.
func (a *API) open(r *http.Request, operation string, right authz.Right) (p lfs.Pointer, sha hub.SHA256, sc xetstore.Scope, err error) {
	q := r.URL.Query()
	d := address{operation, httpd.Param(r, "sha256"), q.Get("size"), q.Get("repo"), q.Get("user"), q.Get("token"), q.Get("e")}
	refuse := errs.New(errs.Forbidden, "This address is not valid or has run out. Ask for a new one by a batch request.")
	if !a.signer.Verify(q.Get("s"), d.fields()...) {
		return p, sha, sc, refuse
	}
	end, err := strconv.ParseInt(d.expires, 10, 64)
	if err != nil || a.Now().Unix() >= end {
		return p, sha, sc, refuse
	}
	p.OID = d.sha
	if p.Size, err = strconv.ParseInt(d.size, 10, 64); err != nil {
		return p, sha, sc, refuse
	}
	if sha, err = p.SHA256(); err != nil {
		return p, sha, sc, refuse
	}
	pass, err := a.Gate.Check(r.Context(), d.userID, d.tokenID, d.repoID, right)
	st := httpd.Of(r)
	st.Actor, st.Repo = pass.Actor, pass.Repo
	return p, sha, pass.Scope, err
}

// upload takes the bytes of an object. They count once they are known to be those that were announced.
func (a *API) upload(w http.ResponseWriter, r *http.Request) error {
	p, sha, scope, err := a.open(r, lfs.Upload, authz.RepoWrite)
	if err != nil {
		return err
	}
	switch {
	case a.MaxObject > 0 && p.Size > a.MaxObject:
		return errs.New(errs.TooLarge, "The object is larger than the %d bytes that are allowed", a.MaxObject)
	case r.ContentLength >= 0 && r.ContentLength != p.Size:
		return errs.New(errs.Invalid, "The body has %d bytes instead of the stated %d", r.ContentLength, p.Size)
	}
	body, err := xetapi.RequestBody(w, r, p.Size+1)
	if err != nil {
		return err
	}
	if _, err := a.Store.Ingest(r.Context(), scope, body, xetstore.Expect{SHA256: &sha, Size: p.Size}); err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+p.OID+`"`)
	w.WriteHeader(http.StatusOK)
	return nil
}

// download gives an object's bytes, whole or one range of them.
func (a *API) download(w http.ResponseWriter, r *http.Request) error {
	p, sha, scope, err := a.open(r, lfs.Download, authz.RepoContent)
	if err != nil {
		return err
	}
	f, found, err := a.Store.FindFile(r.Context(), scope.RepoID, sha)
	if err != nil {
		return err
	}
	if !found {
		return errs.New(errs.NotFound, "The object does not exist in this repository")
	}
	h, etag := w.Header(), `"`+p.OID+`"`
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
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	return a.Store.WriteTo(r.Context(), httpd.Patient(w), f, span.Off, span.N)
}
