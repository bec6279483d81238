package webui

import (
	"net/url"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// escape makes one path segment of any text.
func escape(s string) string { return url.PathEscape(s) }

// escapePath escapes a file's path and keeps its slashes.
func escapePath(p string) string {
	segs := strings.Split(p, "/")
	for i, s := range segs {
		segs[i] = url.PathEscape(s)
	}
	return strings.Join(segs, "/")
}

// address makes the addresses of a repository's pages. A revision is always one segment, whatever slashes it has.
type address string

func addressOf(id hub.RepoID) address {
	return address("/" + id.Type.Prefix() + escape(id.Namespace) + "/" + escape(id.Name))
}

func (a address) at(what, rev, path string) string {
	s := string(a) + "/" + what + "/" + escape(rev)
	if path != "" {
		s += "/" + escapePath(path)
	}
	return s
}

func (a address) tree(rev, path string) string    { return a.at("tree", rev, path) }
func (a address) blob(rev, path string) string    { return a.at("blob", rev, path) }
func (a address) resolve(rev, path string) string { return a.at("resolve", rev, path) }
func (a address) commit(rev string) string        { return a.at("commit", rev, "") }

// archive is where all files of a revision are, packed.
func (a address) archive(rev string) string { return a.at("archive", rev, "") + ".zip" }

// download is the address under which a browser saves a file instead of showing it.
func (a address) download(rev, path string) string { return a.resolve(rev, path) + "?download=true" }
