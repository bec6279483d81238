package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

// maxTokenRepos bounds the single repositories of one form.
const maxTokenRepos = 50

// fineGrained is the part of the form for a fine-grained token: what may be ticked, and what is.
type fineGrained struct {
	Entities  []tickedEntity
	Repos     field
	RepoTicks []tick
	Gated     bool
}

type tickedEntity struct {
	Title string
	Ticks []tick
}

type tick struct {
	ID, Value, Text string
	On              bool
}

// permissionWords are the permissions as people read them, in the order of the form.
var permissionWords = []struct {
	permission hub.Permission
	text       string
}{
	{hub.PermRepoRead, "Read repositories"}, {hub.PermRepoWrite, "Write to repositories and create them"}, {hub.PermRepoAccess, "See requests for access"},
	{hub.PermDiscussionWrite, "Take part in discussions"}, {hub.PermOrgRead, "Read settings and members"}, {hub.PermOrgWrite, "Change settings and members"},
}

// newFineGrained offers the caller and their organisations, with what the form had ticked.
func newFineGrained(who *account.Identity, form url.Values) fineGrained {
	f := fineGrained{Gated: form.Get("gated") != "", Repos: field{Name: "repos", Label: "Repositories", Value: form.Get("repos"), Rows: 3, Optional: true, Plain: true, Code: true,
		Hint: "One a line: owner/name, datasets/owner/name or spaces/owner/name."}}
	f.Entities = append(f.Entities, tickedEntity{"Your own repositories, " + who.User.Name, ticks("may", who.User.ID+" ", hub.RepoPermissions, form["may"])})
	for _, m := range who.Orgs {
		if m.Role != hub.RoleNone {
			f.Entities = append(f.Entities, tickedEntity{"The organization " + m.Name, ticks("may", m.OrgID+" ", slices.Concat(hub.RepoPermissions, hub.OrgPermissions), form["may"])})
		}
	}
	f.RepoTicks = ticks("repo-may", "", hub.RepoPermissions, form["repo-may"])
	return f
}

func ticks(name, prefix string, may []hub.Permission, on []string) (list []tick) {
	for _, w := range permissionWords {
		if slices.Contains(may, w.permission) {
			value := prefix + string(w.permission)
			list = append(list, tick{ID: name + "-" + strings.ReplaceAll(value, " ", "-"), Value: value, Text: w.text, On: slices.Contains(on, value)})
		}
	}
	return list
}

// readScopes reads what was ticked. It names only the caller, organisations that they are in, and repositories that they
// see.
func (a *API) readScopes(r *http.Request, form url.Values) (*hub.Scopes, error) {
	who, err := a.Accounts.Whoami(r.Context(), httpd.Of(r).Actor)
	if err != nil {
		return nil, err
	}
	sc := &hub.Scopes{GatedRepos: form.Get("gated") != ""}
	sc.Scoped = appendScope(sc.Scoped, hub.EntityUser, who.User.ID, tickedOf(form["may"], who.User.ID))
	for _, m := range who.Orgs {
		sc.Scoped = appendScope(sc.Scoped, hub.EntityOrg, m.OrgID, tickedOf(form["may"], m.OrgID))
	}
	return sc, a.readRepoScopes(r, form, sc)
}

func appendScope(list []hub.Scope, kind, id string, permissions []hub.Permission) []hub.Scope {
	if len(permissions) == 0 {
		return list
	}
	return append(list, hub.Scope{Type: kind, ID: id, Permissions: permissions})
}

func tickedOf(values []string, id string) (permissions []hub.Permission) {
	for _, v := range values {
		if p, ok := strings.CutPrefix(v, id+" "); ok {
			permissions = append(permissions, hub.Permission(p))
		}
	}
	return permissions
}

func (a *API) readRepoScopes(r *http.Request, form url.Values, sc *hub.Scopes) error {
	paths := strings.Fields(form.Get("repos"))
	var permissions []hub.Permission
	for _, v := range form["repo-may"] {
		permissions = append(permissions, hub.Permission(v))
	}
	switch {
	case len(paths) > maxTokenRepos:
		return errs.New(errs.Invalid, "At most %d single repositories can be named here", maxTokenRepos)
	case len(paths) > 0 && len(permissions) == 0:
		return errs.New(errs.Invalid, "Tick what the token may do with the single repositories")
	}
	for _, path := range paths {
		scope, err := a.repoScope(r, path)
		if err != nil {
			return err
		}
		scope.Permissions = permissions
		sc.Scoped = append(sc.Scoped, scope)
	}
	return nil
}

func (a *API) repoScope(r *http.Request, path string) (hub.Scope, error) {
	unseen := errs.New(errs.Invalid, "There is no repository %q that you may see", clip(path, 200))
	id, ok := hub.ParseRepoPath(path)
	if !ok {
		return hub.Scope{}, unseen
	}
	rp, _, err := a.Repos.Find(r.Context(), nil, id)
	if err == nil {
		err = a.Authz.Repo(r.Context(), httpd.Of(r).Actor, rp.Subject(), authz.RepoRead)
	}
	if errs.Is(err, errs.NotFound) {
		return hub.Scope{}, unseen
	}
	if err != nil {
		return hub.Scope{}, err
	}
	return hub.Scope{Type: string(rp.Type), ID: rp.RowID}, nil
}

// ownerNames are the names behind the ids that scopes may hold beside those of repositories.
func ownerNames(who *account.Identity) map[string]string {
	names := map[string]string{who.User.ID: who.User.Name}
	for _, m := range who.Orgs {
		names[m.OrgID] = m.Name
	}
	return names
}

// scopeWords says what a fine-grained token is for.
func scopeWords(sc *hub.Scopes, names map[string]string) (words []string) {
	if sc == nil {
		return nil
	}
	repos := 0
	for _, s := range sc.Scoped {
		switch {
		case s.Type != hub.EntityUser && s.Type != hub.EntityOrg:
			repos++
		case names[s.ID] != "":
			words = append(words, names[s.ID]+": "+permissionList(s.Permissions))
		default:
			words = append(words, "An organization that you are not in any more: "+permissionList(s.Permissions))
		}
	}
	if repos > 0 {
		words = append(words, strconv.Itoa(repos)+" single "+plural(repos, "repository", "repositories"))
	}
	if sc.GatedRepos {
		words = append(words, "Public gated repositories: read")
	}
	return words
}

func permissionList(permissions []hub.Permission) string {
	var words []string
	for _, w := range permissionWords {
		if slices.Contains(permissions, w.permission) {
			words = append(words, strings.ToLower(w.text[:1])+w.text[1:])
		}
	}
	return strings.Join(words, ", ")
}
