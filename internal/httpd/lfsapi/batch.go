package lfsapi

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

func (a *API) batch(w http.ResponseWriter, r *http.Request) error {
	var b lfs.Batch
	if err := httpd.ReadJSON(w, r, lfs.MaxBatch, &b); err != nil {
		return err
	}
	if err := b.Check(); err != nil {
		return err
	}
	if err := a.fits(r, b.Operation); err != nil {
		return err
	}
	st := httpd.Of(r)
	if b.Operation == lfs.Upload {
		if err := a.Authz.Repo(r.Context(), st.Actor, st.Repo.Subject(), authz.RepoWrite); err != nil {
			return err
		}
	}
	have, err := a.Store.FindFiles(r.Context(), nil, st.Repo.RowID, oids(b.Objects))
	if err != nil {
		return err
	}
	if b.Operation == lfs.Upload {
		if err := a.Gate.HasRoom(r.Context(), st.Repo.RowID, missing(b.Objects, have)); err != nil {
			return err
		}
		// What is here but damaged takes no room and is asked for again.
		if have, err = a.Store.FindWhole(r.Context(), nil, st.Repo.RowID, oids(b.Objects)); err != nil {
			return err
		}
		if err := a.offered(r, have); err != nil {
			return err
		}
	}
	lost, err := a.Store.LostAmong(r.Context(), have)
	if err != nil {
		return err
	}
	out := lfs.Answer{Transfer: lfs.Basic, Objects: make([]lfs.Object, len(b.Objects))}
	act := a.download1(lost)
	switch {
	case b.Operation == lfs.Upload && b.Offers(lfs.Xet):
		out.Transfer = lfs.Xet
		act = a.xetUpload(r, &b)
	case a.inParts(&b):
		out.Transfer = lfs.Multipart
		act = a.multipart1(proof(r), len(b.Objects))
	case b.Operation == lfs.Upload:
		act = a.upload1(proof(r))
	}
	for i, p := range b.Objects {
		out.Objects[i] = a.object(st, p, have, act)
	}
	return answer(w, out)
}

// offered tells of the files that the client need not send.
func (a *API) offered(r *http.Request, have map[hub.SHA256]xetstore.File) error {
	if a.Offered == nil || len(have) == 0 {
		return nil
	}
	files := make([]xet.Hash, 0, len(have))
	for _, f := range have {
		files = append(files, f.Hash)
	}
	return a.Offered(r.Context(), httpd.Of(r).Repo.RowID, files)
}

func oids(objects []lfs.Pointer) (shas []hub.SHA256) {
	for _, p := range objects {
		if h, err := p.SHA256(); err == nil {
			shas = append(shas, h)
		}
	}
	return shas
}

// missing is the bytes of the objects that are not here yet, each counted once.
func missing(objects []lfs.Pointer, have map[hub.SHA256]xetstore.File) (bytes int64) {
	seen := map[hub.SHA256]bool{}
	for _, p := range objects {
		sha, err := p.SHA256()
		if _, here := have[sha]; err != nil || here || seen[sha] {
			continue
		}
		seen[sha] = true
		if bytes += p.Size; bytes < 0 { // of sizes that nobody has
			return math.MaxInt64
		}
	}
	return bytes
}

// act fills in what to do for an object; f is the stored one, if this repository has it.
type act func(st *httpd.State, o *lfs.Object, f *xetstore.File) error

func (a *API) object(st *httpd.State, p lfs.Pointer, have map[hub.SHA256]xetstore.File, do act) lfs.Object {
	o := lfs.Object{Pointer: p, Authenticated: true}
	sha, err := p.SHA256()
	if err == nil {
		var stored *xetstore.File
		if f, ok := have[sha]; ok {
			stored = &f
			if f.Size != p.Size {
				err = errs.New(errs.Unprocessable, "The object has another size")
			}
		}
		if err == nil {
			err = do(st, &o, stored)
		}
	}
	if err != nil {
		o.Actions, o.Authenticated, o.Error = nil, false, objectError(err)
	}
	return o
}

func objectError(err error) *lfs.ObjectError {
	out := &lfs.ObjectError{Code: http.StatusInternalServerError, Message: "internal error"}
	var e *errs.Error
	if !errors.As(err, &e) {
		return out
	}
	out.Message = e.Msg
	switch e.Kind {
	case errs.NotFound:
		out.Code = http.StatusNotFound
	case errs.Gone:
		out.Code = http.StatusGone
	default: // the object's id or size; nothing else fails for one object alone
		out.Code = http.StatusUnprocessableEntity
	}
	return out
}

// download1 is always a plain transfer: no client fetches by Xet from a batch.
func (a *API) download1(lost map[hub.SHA256]bool) act {
	return func(st *httpd.State, o *lfs.Object, f *xetstore.File) error {
		switch {
		case f == nil:
			return errs.New(errs.NotFound, "The object does not exist in this repository")
		case lost[f.SHA256]:
			return xetstore.ErrLost("the object")
		}
		o.Actions = map[string]lfs.Action{lfs.Download: a.action(st, a.newAddress(st, lfs.Download, o.Pointer))}
		return nil
	}
}

// upload1 sends the client to a signed address, and then to verify with the proof that it gave for the batch: of an
// object that is said to be authenticated, git-lfs sends no proof of its own.
func (a *API) upload1(proof map[string]string) act {
	return func(st *httpd.State, o *lfs.Object, f *xetstore.File) error {
		if f != nil {
			return nil
		}
		if a.MaxObject > 0 && o.Size > a.MaxObject {
			return errs.New(errs.Unprocessable, "The object is larger than the %d bytes that are allowed", a.MaxObject)
		}
		o.Actions = map[string]lfs.Action{
			lfs.Upload: a.action(st, a.newAddress(st, lfs.Upload, o.Pointer)),
			"verify":   a.verification(st, proof),
		}
		return nil
	}
}

func (a *API) verification(st *httpd.State, proof map[string]string) lfs.Action {
	return lfs.Action{Href: st.Origin + "/" + st.Repo.ID().Path() + ".git/info/lfs/objects/verify", Header: proof}
}

// proof is the header by which the caller says who they are.
func proof(r *http.Request) map[string]string {
	if h := r.Header.Get("Authorization"); h != "" {
		return map[string]string{"Authorization": h}
	}
	return nil
}

// xetUpload sends the client to the CAS: where, with what token, and where to get the next one.
func (a *API) xetUpload(r *http.Request, b *lfs.Batch) act {
	st := httpd.Of(r)
	t := a.Xet.Mint(st.Actor, st.Repo.RowID, st.Origin, true)
	header := map[string]string{"X-Xet-Session-Id": hub.NewID()}
	t.SetHeaders(func(name, value string) { header[name] = value })
	id := st.Repo.ID()
	href := st.Origin + "/api/" + id.Type.Plural() + "/" + id.String() + "/xet-write-token/" + url.PathEscape(a.revision(r, b))
	return func(_ *httpd.State, o *lfs.Object, f *xetstore.File) error {
		if f != nil {
			return nil
		}
		if a.MaxObject > 0 && o.Size > a.MaxObject {
			return errs.New(errs.Unprocessable, "The object is larger than the %d bytes that are allowed", a.MaxObject)
		}
		o.Actions = map[string]lfs.Action{lfs.Upload: {Href: href, Header: header}}
		return nil
	}
}

// revision is what the token is to be asked for: the branch of the push, or None for one that does not exist yet.
func (a *API) revision(r *http.Request, b *lfs.Batch) string {
	if b.Ref == nil || b.Ref.Name == "" {
		return "None"
	}
	rev := strings.TrimPrefix(b.Ref.Name, "refs/heads/")
	if !a.Xet.RevisionExists(r.Context(), httpd.Of(r).Repo, rev) {
		return "None"
	}
	return rev
}
