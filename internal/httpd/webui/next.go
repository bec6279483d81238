package webui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/httpd"
)

const maxNext = 2048

// safeNext is where to go after signing in: a path of this site in its plainest form, or the start page. What a browser
// might read differently from us (backslashes, control characters, doubled slashes, dots, also behind percent signs)
// is refused rather than cleaned.
func safeNext(s string) string {
	const start = "/"
	if len(s) > maxNext || !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, notInURL) {
		return start
	}
	u, err := url.ParseRequestURI(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !plainPath(u.Path) {
		return start
	}
	switch first, _, _ := strings.Cut(strings.ToLower(u.Path[1:]), "/"); first {
	case "login", "logout":
		if u.Path != verifyPath { // a link that asks to sign in first
			return start
		}
	}
	next := u.EscapedPath()
	if u.RawQuery != "" {
		next += "?" + u.RawQuery
	}
	return next
}

func notInURL(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("\\\"<>`{}|^#", c) }

// plainPath looks at a decoded path, and again at what is still encoded in it.
func plainPath(p string) bool {
	for range 3 {
		if !strings.HasPrefix(p, "/") || strings.Contains(p, "//") || strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
			return false
		}
		for seg := range strings.SplitSeq(p[1:], "/") {
			if seg == "." || seg == ".." {
				return false
			}
		}
		decoded, err := url.PathUnescape(p)
		if err != nil || decoded == p {
			return true // a percent sign of a file's name
		}
		p = decoded
	}
	return false
}

// cameFrom is the page of this hub on which somebody followed the link to sign in.
func cameFrom(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != httpd.Of(r).Origin {
		return "/"
	}
	u.Scheme, u.Host, u.User, u.Fragment = "", "", nil, ""
	return safeNext(u.String())
}
