package hubapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

const (
	maxTokenBody  = 256 << 10
	maxLeakedBody = 2 << 20
)

// tokenRoutes are the caller's own access tokens, and the ways to end those of others.
func (a *API) tokenRoutes() []httpd.Route {
	post := http.MethodPost
	return []httpd.Route{
		{ID: "listTokens", Method: http.MethodGet, Path: "/api/user/tokens", Right: authz.Account, Handler: a.listTokens},
		{ID: "createToken", Method: post, Path: "/api/user/tokens", Right: authz.Account, Handler: a.createToken},
		{ID: "rotateToken", Method: post, Path: "/api/user/tokens/{token}/rotate", Right: authz.Account, Handler: a.rotateToken},
		{ID: "revokeToken", Method: http.MethodDelete, Path: "/api/user/tokens/{token}", Right: authz.Account, Handler: a.revokeToken},
		{ID: "revokeCredentials", Method: post, Path: "/api/credentials/revoke", Right: authz.Public, Handler: a.revokeCredentials},
		{ID: "revokeOrgToken", Method: post, Path: "/api/organizations/{name}/settings/tokens/revoke", Right: authz.OwnerAdmin, Handler: a.revokeOrgTokenByValue},
		{ID: "revokeOrgTokenById", Method: post, Path: "/api/organizations/{name}/settings/tokens/{tokenId}/revoke", Right: authz.OwnerAdmin, Handler: a.revokeOrgTokenByID},
	}
}

type tokenAnswer struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Role        hub.TokenRole      `json:"role"`
	Hint        string             `json:"hint"`
	FineGrained *fineGrainedAnswer `json:"fineGrained,omitempty"`
	CreatedAt   string             `json:"createdAt"`
	LastUsedAt  *string            `json:"lastUsedAt"`
	ExpiresAt   *string            `json:"expiresAt"`
	Token       string             `json:"token,omitempty"` // the value, in the answer that makes it
}

type fineGrainedAnswer struct {
	Scoped     []scopedAnswer   `json:"scoped"`
	Global     []hub.Permission `json:"global,omitempty"`
	GatedRepos bool             `json:"canReadGatedRepos"`
}

type scopedAnswer struct {
	Entity      entityAnswer     `json:"entity"`
	Permissions []hub.Permission `json:"permissions"`
}

type entityAnswer struct {
	ID   string `json:"_id"`
	Type string `json:"type"`
	Name string `json:"name,omitempty"` // absent when there is no such entity any more that its user sees
}

func (a *API) tokensOf(r *http.Request, tokens []*account.Token) ([]tokenAnswer, error) {
	fine, err := a.fineGrained(r, tokens)
	if err != nil {
		return nil, err
	}
	out := make([]tokenAnswer, len(tokens))
	for i, t := range tokens {
		out[i] = tokenAnswer{ID: t.ID, Name: t.Name, Role: t.Role, Hint: t.Hint, FineGrained: fine[i], CreatedAt: content.Date(t.CreatedAt),
			LastUsedAt: dateOrNull(t.LastUsedAt), ExpiresAt: dateOrNull(t.ExpiresAt)}
	}
	return out, nil
}

func dateOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := content.Date(t)
	return &s
}

// fineGrained describes what tokens are for, with the names that their entities have now: all looked up at once.
func (a *API) fineGrained(r *http.Request, tokens []*account.Token) ([]*fineGrainedAnswer, error) {
	var ownerIDs, repoIDs []string
	for _, t := range tokens {
		if t.Scopes == nil {
			continue
		}
		for _, s := range t.Scopes.Scoped {
			if s.Type == hub.EntityUser || s.Type == hub.EntityOrg {
				ownerIDs = append(ownerIDs, s.ID)
			} else {
				repoIDs = append(repoIDs, s.ID)
			}
		}
	}
	owners, err := a.Accounts.Owners(r.Context(), ownerIDs)
	if err != nil {
		return nil, err
	}
	// The token may name what it does not open, such as the gate of a repository; its user sees what it is.
	user := hub.Actor{UserID: httpd.Of(r).Actor.UserID}
	repos, err := a.Repos.Visible(r.Context(), user, repoIDs)
	if err != nil {
		return nil, err
	}
	out := make([]*fineGrainedAnswer, len(tokens))
	for i, t := range tokens {
		if t.Scopes == nil {
			continue
		}
		f := &fineGrainedAnswer{Scoped: []scopedAnswer{}, Global: t.Scopes.Global, GatedRepos: t.Scopes.GatedRepos}
		for _, s := range t.Scopes.Scoped {
			e := entityAnswer{ID: s.ID, Type: s.Type, Name: owners[s.ID].Name}
			if id, ok := repos[s.ID]; ok {
				e.Name = id.String()
			}
			f.Scoped = append(f.Scoped, scopedAnswer{e, s.Permissions})
		}
		out[i] = f
	}
	return out, nil
}

func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	tokens, err := a.Accounts.Tokens(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return err
	}
	out, err := a.tokensOf(r, tokens)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

type newTokenBody struct {
	Name        string           `json:"name"`
	Role        hub.TokenRole    `json:"role"`
	ExpiresAt   *time.Time       `json:"expiresAt"`
	FineGrained *fineGrainedBody `json:"fineGrained"`
}

type fineGrainedBody struct {
	Scoped []struct {
		Entity struct {
			ID   string `json:"_id"`
			Type string `json:"type"`
			Name string `json:"name"`
		} `json:"entity"`
		Permissions []hub.Permission `json:"permissions"`
	} `json:"scoped"`
	Global     []hub.Permission `json:"global"`
	GatedRepos bool             `json:"canReadGatedRepos"`
}

func (a *API) createToken(w http.ResponseWriter, r *http.Request) error {
	var b newTokenBody
	if err := httpd.ReadJSON(w, r, maxTokenBody, &b); err != nil {
		return err
	}
	n := account.NewToken{Name: b.Name, Role: b.Role, By: httpd.Of(r).Actor}
	if b.ExpiresAt != nil {
		n.ExpiresAt = *b.ExpiresAt
	}
	if b.FineGrained != nil {
		var err error
		if n.Scopes, err = a.scopes(r, b.FineGrained); err != nil {
			return err
		}
	}
	value, t, err := a.Accounts.CreateToken(r.Context(), httpd.Of(r).Actor.UserID, n)
	if err != nil {
		return err
	}
	return a.answerToken(w, r, value, t)
}

// maxScoped keeps a body from asking for many look-ups; package account says what a token may name.
const maxScoped = 100

// scopes finds the entities that a body names. What the caller may not see is not there.
func (a *API) scopes(r *http.Request, b *fineGrainedBody) (*hub.Scopes, error) {
	if len(b.Scoped) > maxScoped {
		return nil, errs.New(errs.Invalid, "A fine-grained token may name at most %d users, organizations and repositories", maxScoped)
	}
	sc := &hub.Scopes{Global: b.Global, GatedRepos: b.GatedRepos}
	for _, s := range b.Scoped {
		id, err := a.entity(r, s.Entity.Type, s.Entity.Name, s.Entity.ID)
		if err != nil {
			return nil, err
		}
		sc.Scoped = append(sc.Scoped, hub.Scope{Type: s.Entity.Type, ID: id, Permissions: s.Permissions})
	}
	return sc, nil
}

// entity is the id of what is named, by its name or its id.
func (a *API) entity(r *http.Request, typ, name, id string) (string, error) {
	ctx, actor := r.Context(), httpd.Of(r).Actor
	switch {
	case !db.IsText(name) || !db.IsText(id):
		return "", errs.New(errs.NotFound, "There is no %s of this name or id", typ)
	case typ == hub.EntityUser || typ == hub.EntityOrg:
		if name == "" {
			owners, err := a.Accounts.Owners(ctx, []string{id})
			if err != nil {
				return "", err
			}
			name = owners[id].Name
		}
		o, err := a.Accounts.Namespace(ctx, nil, name)
		if err == nil && string(o.Kind) != typ {
			err = errs.New(errs.NotFound, "There is no %s named %q", typ, name)
		}
		return o.ID, err
	case !slices.Contains(hub.RepoTypes, hub.RepoType(typ)):
		return "", errs.New(errs.Invalid, "A permission is given on a user, an org, a model, a dataset or a space, not on %q", typ)
	case name == "":
		seen, err := a.Repos.Visible(ctx, actor, []string{id})
		if err != nil {
			return "", err
		}
		if at, ok := seen[id]; !ok || at.Type != hub.RepoType(typ) {
			return "", errs.RepoNotFound()
		}
		return id, nil
	}
	ns, repoName, _ := strings.Cut(name, "/")
	rp, _, err := a.Repos.Find(ctx, nil, hub.RepoID{Type: hub.RepoType(typ), Namespace: ns, Name: repoName})
	if err != nil {
		return "", err
	}
	return rp.RowID, a.Authz.Repo(ctx, actor, rp.Subject(), authz.RepoRead)
}

func (a *API) rotateToken(w http.ResponseWriter, r *http.Request) error {
	value, t, err := a.Accounts.RotateToken(r.Context(), httpd.Of(r).Actor, httpd.Of(r).Actor.UserID, httpd.Param(r, "token"))
	if err != nil {
		return err
	}
	return a.answerToken(w, r, value, t)
}

// answerToken is the one answer that holds a token's value.
func (a *API) answerToken(w http.ResponseWriter, r *http.Request, value string, t *account.Token) error {
	out, err := a.tokensOf(r, []*account.Token{t})
	if err != nil {
		return err
	}
	out[0].Token = value
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, out[0])
}

func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := a.Accounts.RevokeToken(r.Context(), httpd.Of(r).Actor.UserID, httpd.Param(r, "token")); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}

// revokeCredentials takes the values of tokens that somebody has found. Its answer is always the same.
func (a *API) revokeCredentials(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Credentials []string `json:"credentials"`
	}
	if err := httpd.ReadJSON(w, r, maxLeakedBody, &b); err != nil {
		return err
	}
	if len(b.Credentials) == 0 {
		return errs.New(errs.Invalid, "credentials must list 1 to %d tokens", account.MaxLeaked)
	}
	if err := a.Accounts.RevokeLeaked(r.Context(), b.Credentials); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusAccepted, map[string]any{})
}

func (a *API) revokeOrgTokenByValue(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Token string `json:"token"`
	}
	if err := httpd.ReadJSON(w, r, maxTokenBody, &b); err != nil {
		return err
	}
	return a.barToken(w, r, b.Token, true)
}

func (a *API) revokeOrgTokenByID(w http.ResponseWriter, r *http.Request) error {
	return a.barToken(w, r, httpd.Param(r, "tokenId"), false)
}

// barToken ends a member's token's access to the organisation. Of the tokens of others it says nothing.
func (a *API) barToken(w http.ResponseWriter, r *http.Request, token string, byValue bool) error {
	ctx, org := r.Context(), httpd.Of(r).Owner
	t, err := a.Accounts.LiveToken(ctx, token, byValue)
	member := false
	if err == nil {
		member, err = a.Authz.Member(ctx, org.ID, t.UserID)
	}
	if errs.Is(err, errs.NotFound) || err == nil && !member {
		return errs.New(errs.NotFound, "No member of this organization has such a token")
	}
	if err != nil {
		return err
	}
	if err := a.Accounts.BarToken(ctx, org.ID, t); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{})
}
