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

const (
	// uploadLife is long because clients ask once for hundreds of objects and then send them one after another. The right
	// is looked at again when an address is used.
	uploadLife = 6 * time.Hour
	// PartLife is longer still: a client that sends in parts may take a day for one object.
	PartLife = 24 * time.Hour
)

// What an address is for, beside the operations of a batch.
const (
	onePart  = "part"
	complete = "complete"
)

// address is what a signed address says.
type address struct {
	operation, sha, size, repoID, userID, tokenID, expires string

	bound string // not empty: the proof that it was made for opens that repository alone

	upload, chunk, number string // of an upload in parts: its id, the length of a part, which part
}

func (d address) fields() []string {
	f := []string{d.operation, d.sha, d.size, d.repoID, d.userID, d.tokenID, d.expires}
	if d.bound != "" {
		f = append(f, d.bound)
	}
	if d.upload != "" {
		f = append(f, d.upload, d.chunk, d.number)
	}
	return f
}

func (d address) path() string {
	p := "/lfs/" + d.operation + "/" + d.sha
	if d.operation == onePart {
		p += "/" + d.number
	}
	return p
}

// newAddress is for one object, in the name of who asks.
func (a *API) newAddress(st *httpd.State, operation string, p lfs.Pointer) address {
	now := a.Now()
	expires := a.Xet.Expiry(now)
	switch operation {
	case lfs.Upload:
		expires = now.Add(uploadLife).Unix()
	case onePart, complete:
		expires = now.Add(PartLife).Unix()
	}
	bound := ""
	if st.Actor.RepoID != "" {
		bound = "1"
	}
	return address{
		operation: operation, bound: bound, sha: p.OID, size: strconv.FormatInt(p.Size, 10), repoID: st.Repo.RowID,
		userID: st.Actor.UserID, tokenID: st.Actor.ProofID(), expires: strconv.FormatInt(expires, 10),
	}
}

// sign writes an address out.
func (a *API) sign(st *httpd.State, d address) string {
	q := url.Values{"size": {d.size}, "repo": {d.repoID}, "e": {d.expires}, "s": {a.signer.Sign(d.fields()...)}}
	for key, value := range map[string]string{"user": d.userID, "token": d.tokenID, "bound": d.bound, "upload": d.upload, "chunk": d.chunk} {
		if value != "" {
			q.Set(key, value)
		}
	}
	return st.Origin + d.path() + "?" + q.Encode()
}

// action is a request to a signed address.
func (a *API) action(st *httpd.State, d address) lfs.Action {
	expires, _ := strconv.ParseInt(d.expires, 10, 64) // we wrote it
	return lfs.Action{Href: a.sign(st, d), ExpiresIn: expires - a.Now().Unix()}
}

// granted is what an address allows, and what its user may do now.
type granted struct {
	pointer lfs.Pointer
	sha     hub.SHA256
	scope   xetstore.Scope

	upload string
	chunk  int64
	number int
}

func errAddress() error {
	return errs.New(errs.Forbidden, "This address is not valid or has run out. Ask for a new one by a batch request.")
}

// open checks the request's address and what its user may do now.
func (a *API) open(r *http.Request, operation string, right authz.Right) (g granted, err error) {
	q := r.URL.Query()
	d := address{
		operation: operation, sha: httpd.Param(r, "sha256"), size: q.Get("size"), repoID: q.Get("repo"), userID: q.Get("user"),
		tokenID: q.Get("token"), bound: q.Get("bound"), expires: q.Get("e"), upload: q.Get("upload"), chunk: q.Get("chunk"), number: httpd.Param(r, "number"),
	}
	inParts := operation == onePart || operation == complete
	if !a.signer.Verify(q.Get("s"), d.fields()...) || inParts != (d.upload != "") {
		return g, errAddress()
	}
	end, err := strconv.ParseInt(d.expires, 10, 64)
	if err != nil || xetapi.Over(a.Now(), end, max(PartLife, a.Xet.URLTTL)) {
		return g, errAddress()
	}
	if g, err = d.parse(); err != nil {
		return g, errAddress()
	}
	pass, err := a.Gate.Check(r.Context(), xetapi.Ticket{UserID: d.userID, TokenID: d.tokenID, RepoID: d.repoID, Bound: d.bound != ""}, right)
	st := httpd.Of(r)
	st.ActBy(pass.Actor)
	st.Repo = pass.Repo
	g.scope = pass.Scope
	return g, err
}

// parse reads the numbers of an address that is known to be ours.
func (d address) parse() (g granted, err error) {
	g.pointer.OID, g.upload = d.sha, d.upload
	if g.pointer.Size, err = strconv.ParseInt(d.size, 10, 64); err != nil {
		return g, err
	}
	if g.sha, err = g.pointer.SHA256(); err != nil || d.upload == "" {
		return g, err
	}
	if g.chunk, err = strconv.ParseInt(d.chunk, 10, 64); err != nil || d.number == "" {
		return g, err
	}
	g.number, err = strconv.Atoi(d.number)
	return g, err
}
