package xetapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// payload is what a Xet token says. Nobody but the hub reads it.
type payload struct {
	Write   bool   `json:"w,omitempty"`
	RepoID  string `json:"r"`
	UserID  string `json:"u,omitempty"`
	TokenID string `json:"t,omitempty"`
	Bound   bool   `json:"b,omitempty"` // see Ticket
	Expires int64  `json:"e"`
}

// Token is a Xet token as clients get it.
type Token struct {
	AccessToken string `json:"accessToken"`
	Expires     int64  `json:"exp"` // unix seconds
	CASURL      string `json:"casUrl"`
}

// Mint makes a token for an actor who was found to have the right on the repository. Clients ask for the next one 30 to
// 60 seconds before its end.
func (a *API) Mint(actor hub.Actor, repoID, origin string, write bool) Token {
	p := payload{Write: write, RepoID: repoID, UserID: actor.UserID, TokenID: actor.ProofID(), Bound: actor.RepoID != "", Expires: a.Now().Add(a.TokenTTL).Unix()}
	b, _ := json.Marshal(p) // nothing in it can fail
	body := base64.RawURLEncoding.EncodeToString(b)
	return Token{AccessToken: body + "." + a.tokens.Sign(body), Expires: p.Expires, CASURL: origin}
}

// SetHeaders writes the token where older clients and git-xet look for it.
func (t Token) SetHeaders(set func(name, value string)) {
	set("X-Xet-Cas-Url", t.CASURL)
	set("X-Xet-Access-Token", t.AccessToken)
	set("X-Xet-Token-Expiration", strconv.FormatInt(t.Expires, 10))
}

func (a *API) readToken(w http.ResponseWriter, r *http.Request) error {
	return a.giveToken(w, r, false)
}

func (a *API) writeToken(w http.ResponseWriter, r *http.Request) error {
	return a.giveToken(w, r, true)
}

func (a *API) giveToken(w http.ResponseWriter, r *http.Request, write bool) error {
	rev, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	// Python writes None when it does not know the revision, as for a pull request that is to be created.
	if rev != "" && rev != "None" && !a.RevisionExists(r.Context(), st.Repo, rev) {
		return errs.RevisionNotFound(rev)
	}
	if write {
		if err := a.Gate.HasRoom(r.Context(), st.Repo.RowID, 0); err != nil {
			return err
		}
	}
	t := a.Mint(st.Actor, st.Repo.RowID, st.Origin, write)
	t.SetHeaders(w.Header().Set)
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, t)
}

func (a *API) parse(value string) (p payload, err error) {
	body, signature, ok := strings.Cut(value, ".")
	if !ok || !a.tokens.Verify(signature, body) {
		return p, errs.New(errs.Unauthenticated, "The Xet token is not valid. Ask the hub for a new one.")
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, errs.New(errs.Unauthenticated, "The Xet token is not valid. Ask the hub for a new one.")
	}
	if Over(a.Now(), p.Expires, a.TokenTTL) {
		return p, errs.New(errs.Unauthenticated, "The Xet token has expired. Ask the hub for a new one.")
	}
	return p, nil
}

// ticket is what the request's token, which was checked, stands on.
func (a *API) ticket(r *http.Request) Ticket {
	_, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	p, err := a.parse(strings.TrimSpace(value))
	if err != nil {
		return Ticket{} // it has run out since: for no repository
	}
	return p.ticket()
}

func (p payload) ticket() Ticket { return Ticket{p.UserID, p.TokenID, p.RepoID, p.Bound} }

// use is what a token is used for.
type use int

const (
	reads use = iota // a file
	asks             // what is known here, before an upload
	writes
)

// admit checks the request's token and what it is worth now, and returns on whose behalf the store is asked.
func (a *API) admit(r *http.Request, u use) (xetstore.Scope, error) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return xetstore.Scope{}, errs.New(errs.Unauthenticated, "This needs a Xet token of the hub.")
	}
	p, err := a.parse(strings.TrimSpace(value))
	if err != nil {
		return xetstore.Scope{}, err
	}
	right := authz.RepoContent
	if u == writes {
		right = authz.RepoWrite
	}
	pass, err := a.Gate.Check(r.Context(), p.ticket(), right)
	st := httpd.Of(r)
	st.ActBy(pass.Actor) // known also when refused: it decides between 401 and 403
	st.Repo = pass.Repo
	if err != nil {
		return xetstore.Scope{}, err
	}
	if err := p.fits(u); err != nil || u != writes {
		return pass.Scope, err
	}
	return pass.Scope, a.Gate.HasRoom(r.Context(), p.RepoID, 0)
}

// fits refuses what the token was not given for. One that is bound comes from a credential of git-lfs, which is for one
// operation.
func (p payload) fits(u use) error {
	switch {
	case u == writes && !p.Write:
		return errs.New(errs.Forbidden, "This Xet token only reads. Ask the hub for one that writes.")
	case u == reads && p.Bound && p.Write:
		return errs.New(errs.Forbidden, "This Xet token only uploads. Ask the hub for one that reads.")
	}
	return nil
}
