package httpd

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// moved is the "error" of an old name: the caller is sent to the new one by a relative redirect that keeps method,
// body and query.
type moved string

func (m moved) Error() string { return "moved to " + string(m) }

func asMoved(err error, to *moved) bool { return errors.As(err, to) }

// movedPath replaces the repository's old name in the request's path. The rest of the path stays as it came.
func movedPath(r *http.Request, from, to hub.RepoID) string {
	segs := strings.Split(r.URL.EscapedPath(), "/")
	for i := 0; i+1 < len(segs); i++ {
		ns, err1 := url.PathUnescape(segs[i])
		name, err2 := url.PathUnescape(segs[i+1])
		git := strings.HasSuffix(name, ".git")
		if err1 != nil || err2 != nil || !strings.EqualFold(ns, from.Namespace) || !strings.EqualFold(strings.TrimSuffix(name, ".git"), from.Name) {
			continue
		}
		segs[i], segs[i+1] = url.PathEscape(to.Namespace), url.PathEscape(to.Name)
		if git {
			segs[i+1] += ".git"
		}
		break
	}
	p := strings.Join(segs, "/")
	if r.URL.RawQuery != "" {
		p += "?" + r.URL.RawQuery
	}
	return p
}
