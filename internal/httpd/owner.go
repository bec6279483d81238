package httpd

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
)

// ownerPath is what begins the paths that name a user or an organisation.
var ownerPath = regexp.MustCompile(`^(?:/api/(avatars)|(?:/api)?/(users|organizations))/\{(\w+)\}`)

// ownerRight reports whether the right is one on the user or organisation that the path names.
func (rt Route) ownerRight() bool { return strings.HasPrefix(string(rt.Right), "owner-") }

// OwnerParam is the path parameter that names a user or an organisation; empty when the path names none.
func (rt Route) OwnerParam() string {
	if m := ownerPath.FindStringSubmatch(rt.Path); m != nil {
		return m[3]
	}
	return ""
}

// ownerKind is whose name the path takes; empty: either's.
func (rt Route) ownerKind() account.Kind {
	switch m := ownerPath.FindStringSubmatch(rt.Path); {
	case m == nil, m[1] == "avatars", rt.EitherOwner:
		return ""
	case m[2] == "users":
		return account.KindUser
	}
	return account.KindOrg
}

// admitOwner looks the user or organisation up and checks the route's right on it.
func (s *Server) admitOwner(r *http.Request, rt *Route) error {
	st := Of(r)
	name, kind := Param(r, rt.OwnerParam()), rt.ownerKind()
	o, err := s.o.Accounts.Namespace(r.Context(), nil, name)
	switch {
	case errs.Is(err, errs.NotFound):
		return s.formerOwner(r, rt, name)
	case err == nil && kind != "" && o.Kind != kind:
		return noOwner(kind, name)
	case err != nil:
		return err
	}
	if err := s.o.Authz.Owner(r.Context(), st.Actor, o, rt.Right); err != nil {
		return err
	}
	st.Owner = o
	return nil
}

// formerOwner leads from a name that a user or an organisation had to the one of today, for as long as it is held for
// them. What there is to see under the new name is decided there.
func (s *Server) formerOwner(r *http.Request, rt *Route, name string) error {
	kind := rt.ownerKind()
	o, err := s.o.Accounts.Former(r.Context(), name)
	switch {
	case errs.Is(err, errs.NotFound), err == nil && kind != "" && o.Kind != kind:
		return noOwner(kind, name)
	case err != nil:
		return err
	}
	place := 2 // /organizations/{name}/…
	if strings.HasPrefix(rt.Path, "/api/") {
		place = 3 // /api/users/{username}/…
	}
	segs := strings.Split(r.URL.EscapedPath(), "/")
	segs[place] = url.PathEscape(o.Name)
	p := strings.Join(segs, "/")
	if r.URL.RawQuery != "" {
		p += "?" + r.URL.RawQuery
	}
	return moved(p)
}

func noOwner(kind account.Kind, name string) error {
	switch kind {
	case account.KindUser:
		return errs.New(errs.NotFound, "There is no user named %q", name)
	case account.KindOrg:
		return errs.New(errs.NotFound, "Organization not found")
	}
	return errs.New(errs.NotFound, "There is no user or organization named %q", name)
}
