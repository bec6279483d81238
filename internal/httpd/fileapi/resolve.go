package fileapi

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

// API serves files.
type API struct {
	Content *content.Service
	// Count notes a download of a repository by the request's client; it must not block.
	Count func(r *http.Request, repoID string)
	// Client names who a request counts against.
	Client func(r *http.Request) string
	// Memo keeps what addresses lead to.
	Memo Memo

	archives *httpd.Places
}

// Routes are the doors to files under each type's prefix.
func (a *API) Routes() []httpd.Route {
	a.archives = httpd.NewPlaces(archivesAtOnce, archivesEach)
	var rts []httpd.Route
	for _, t := range hub.RepoTypes {
		base := "/" + t.Prefix() + "{namespace}/{repo}"
		for _, m := range []string{http.MethodGet, http.MethodHead} {
			rts = append(rts,
				httpd.Route{ID: "resolveFile", Method: m, Path: base + "/resolve/{rev}/{path}", Right: authz.RepoContent, Policy: httpd.PolicyResolvers, Handler: a.resolve},
				httpd.Route{ID: "rawFile", Method: m, Path: base + "/raw/{rev}/{path}", Right: authz.RepoContent, Policy: httpd.PolicyResolvers, Handler: a.raw},
				httpd.Route{ID: "downloadArchive", Method: m, Path: base + "/archive/{archive}", Right: authz.RepoContent, Policy: httpd.PolicyResolvers, Handler: a.archive})
		}
	}
	return rts
}

// find reads revision and path and says which commit they led to, also when the file is not there: clients cache that
// a commit lacks a file.
func (a *API) find(w http.ResponseWriter, r *http.Request) (*content.Snapshot, string, error) {
	rp := httpd.Of(r).Repo
	rev, path, err := httpd.RevPath(r, func(rev string) bool { return a.Content.Known(r.Context(), rp, rev) })
	if err != nil {
		return nil, "", err
	}
	snap, err := a.Content.At(r.Context(), rp, rev)
	if err != nil {
		return nil, "", err
	}
	w.Header().Set("X-Repo-Commit", snap.Commit.String())
	return snap, path, nil
}

func (a *API) resolve(w http.ResponseWriter, r *http.Request) error {
	fd, live, err := a.found(w, r)
	if err != nil {
		return err
	}
	a.Count(r, httpd.Of(r).Repo.RowID)
	h := w.Header()
	for _, f := range fd.header {
		h[f.name] = f.value
	}
	if r.URL.RawQuery != "" && r.URL.Query().Has("download") {
		h.Set("Content-Disposition", disposition(fd.file.Path, "attachment"))
	}
	if fd.file.Large != nil && r.Method == http.MethodGet && wantsXetInfo(r) {
		return xetInfo(w, r, fd.file)
	}
	return serve(w, r, fd.etag, fd.file.Size, func(out io.Writer, s httpd.Span) error { return a.write(out, r, fd, live, s) })
}

func xetLinks(r *http.Request, snap *content.Snapshot, hash string) (auth, reconstruction string) {
	origin := httpd.Of(r).Origin
	id := snap.Repo.ID()
	auth = origin + "/api/" + id.Type.Plural() + "/" + id.String() + "/xet-read-token/" + snap.Commit.String()
	return auth, origin + "/v1/reconstructions/" + hash
}

// xetInfo answers a client that asked for the Xet description instead of the bytes.
func xetInfo(w http.ResponseWriter, r *http.Request, f *content.File) error {
	h := w.Header()
	h.Set("ETag", `"`+f.ETag()+`"`)
	h.Set("Content-Type", xetInfoType)
	h.Del("Content-Disposition")
	b, err := json.Marshal(map[string]any{"hash": f.Large.Hash.String(), "etag": f.ETag(), "size": f.Size, "refreshRoute": h.Get("X-Xet-Refresh-Route"),
		"reconstructionUrl": httpd.Of(r).Origin + "/v1/reconstructions/" + f.Large.Hash.String()})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// raw answers the blob as git has it: of a large file its pointer.
func (a *API) raw(w http.ResponseWriter, r *http.Request) error {
	snap, path, err := a.find(w, r)
	if err != nil {
		return err
	}
	f, err := a.Content.File(r.Context(), snap, path)
	if err != nil {
		return err
	}
	rc, size, err := f.Raw(r.Context())
	if err != nil {
		return err
	}
	defer rc.Close()
	describe(w.Header(), path, false)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return serve(w, r, identify(w.Header(), f.OID.String()), size, func(out io.Writer, s httpd.Span) error { return copySpan(out, rc, s) })
}

var errEnded = errs.New(errs.Internal, "the stored object is shorter than its size")
