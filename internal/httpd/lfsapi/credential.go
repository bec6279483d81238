package lfsapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
)

// A client that came by SSH gets a credential for this door from git-lfs-authenticate: good for one user, one repository
// and one operation, and for no other door. What it is worth is asked anew each time that it is used, so it ends with
// the key that it was given for. The addresses and Xet tokens that a batch gives for it are bound to the repository too.
// One for uploads lives as long as an address to upload to: with it the client confirms each object when that has arrived.
const (
	credentialPrefix = "lfs_"
	downloadLife     = time.Hour
)

// Credentials makes and reads them.
type Credentials struct {
	signer *xetapi.Signer
	now    func() time.Time
}

// OpenCredentials reads the signing key, making it on the hub's first start. now is the hub's clock.
func OpenCredentials(ctx context.Context, secret func(ctx context.Context, name string) ([]byte, error), now func() time.Time) (*Credentials, error) {
	key, err := secret(ctx, "lfs")
	if err != nil {
		return nil, err
	}
	return &Credentials{xetapi.NewSigner(key, "credential"), now}, nil
}

// credential is what one says.
type credential struct {
	Operation string `json:"o"`
	RepoID    string `json:"r"`
	UserID    string `json:"u"`
	TokenID   string `json:"t"`
	Expires   int64  `json:"e"` // unix seconds
}

// Mint makes the value of the Authorization header for an actor who was found to have the right.
func (c *Credentials) Mint(actor hub.Actor, repoID, operation string) (authorization string, life time.Duration) {
	if life = downloadLife; operation == lfs.Upload {
		life = uploadLife
	}
	b, _ := json.Marshal(credential{operation, repoID, actor.UserID, actor.ProofID(), c.now().Add(life).Unix()}) // strings and a number
	body := base64.RawURLEncoding.EncodeToString(b)
	return "Bearer " + credentialPrefix + body + "." + c.signer.Sign(body), life
}

// of reads a request's credential. Without one ok is false; one that is not valid is an error.
func (c *Credentials) of(r *http.Request) (out credential, ok bool, err error) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	value, ok = strings.CutPrefix(strings.TrimSpace(value), credentialPrefix)
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return out, false, nil
	}
	refused := errs.New(errs.Unauthenticated, "This credential is not valid or has run out. Try again: git-lfs asks for a new one over SSH.")
	body, signature, _ := strings.Cut(value, ".")
	if !c.signer.Verify(signature, body) {
		return out, true, refused
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil || xetapi.Over(c.now(), out.Expires, uploadLife) {
		return out, true, refused
	}
	return out, true, nil
}

// identify finds who holds a credential, as httpd.Route.Identify says. The actor knows one repository, and only reads
// unless the credential is for uploads.
func (a *API) identify(r *http.Request) (hub.Actor, bool, error) {
	c, ok, err := a.credentials.of(r)
	if !ok || err != nil {
		return hub.Actor{}, ok, err
	}
	actor, err := a.Gate.Actor(r.Context(), c.UserID, c.TokenID)
	if err != nil {
		return hub.Actor{}, true, err
	}
	actor.RepoID = c.RepoID
	if c.Operation != lfs.Upload {
		actor.Token = hub.TokenRead
	}
	return actor, true, nil
}

// fits refuses a credential that was given for the other operation.
func (a *API) fits(r *http.Request, operation string) error {
	c, ok, err := a.credentials.of(r)
	if err == nil && ok && c.Operation != operation {
		return errs.New(errs.Forbidden, "This credential was given for the operation %q", c.Operation)
	}
	return err
}

// byCredential lets the holders of credentials in to the routes of a repository.
func (a *API) byCredential(rts []httpd.Route) []httpd.Route {
	for i := range rts {
		if strings.Contains(rts[i].Path, "{repo}") {
			rts[i].Identify = a.identify
		}
	}
	return rts
}
