package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// manyFiles are n small files of new content, spread over folders, the first with number from.
func manyFiles(n, from int) []file {
	out := make([]file, n)
	for i := range out {
		k := from + i
		out[i] = file{path: fmt.Sprintf("d%03d/s%02d/f%06d.txt", k%200, k/200%50, k), data: fmt.Appendf(nil, "file %d\n%016x%016x\n", k, rand.Uint64(), rand.Uint64())}
	}
	return out
}

// stream is a commit of files as git fast-import reads it, on top of what is there if more is set.
func stream(files []file, more bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/main\ncommitter b <b@example.org> %d +0000\ndata 1\nc\n", time.Now().Unix())
	if more {
		b.WriteString("from refs/heads/main^0\n")
	}
	for _, f := range files {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", f.path, len(f.data), f.data)
	}
	return b.Bytes()
}

func (s *session) fastImport(dir string, commits ...[]byte) error {
	c := s.command(dir, "git", "fast-import", "--quiet")
	c.Stdin = bytes.NewReader(bytes.Join(commits, nil))
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w: %.300s", err, out)
	}
	return nil
}

// bare makes a bare repository that takes pushes and syncs all that it writes.
func (s *session) bare(dir string) error {
	err := s.exec(s.dir, "git", "init", "-q", "--bare", "-b", "main", dir)
	for _, kv := range [][2]string{{"http.receivepack", "true"}, {"core.fsync", "all"}, {"fastimport.unpackLimit", "0"}, {"gc.auto", "0"}} {
		if err == nil {
			err = s.exec(dir, "git", "config", kv[0], kv[1])
		}
	}
	return err
}

// listings is W6: all files of a large tree, page by page, beside git's own listing of the same tree.
func listings(s *session) error {
	const each = 10_000
	if err := s.hub.create("tree"); err != nil {
		return err
	}
	dir := s.path("tree.git")
	if err := s.bare(dir); err != nil {
		return err
	}
	for from := 0; from < s.files; from += each {
		files := manyFiles(min(each, s.files-from), from)
		if err := errors.Join(s.hub.commit("tree", commitBody(files)), s.fastImport(dir, stream(files, from > 0))); err != nil {
			return err
		}
	}
	if err := s.exec(dir, "git", "repack", "-adq"); err != nil {
		return err
	}
	var pages []float64 // ms, in order of each walk
	all := []contestant{
		{hubName, func() (float64, error) {
			var walk []float64
			secs, err := timed(func() (err error) { walk, err = s.hub.walk(s.files); return err })
			pages = append(pages, walk...)
			return secs, err
		}},
		{"git ls-tree -r -l", func() (float64, error) {
			return timed(func() error {
				c := s.command(dir, "git", "ls-tree", "-r", "-l", "main")
				out, err := c.Output()
				if n := bytes.Count(out, []byte("\n")); err == nil && n != s.files {
					err = fmt.Errorf("%d files", n)
				}
				return err
			})
		}},
	}
	s.inTurn(row{"W6", fmt.Sprintf("list %d files, pages of 1000", s.files), "s", true}, s.rounds, true, all)
	if len(pages) > 0 {
		slices.Sort(pages)
		s.record(row{"W6", "a page of 1000: p50", "ms", true}, hubName, median(pages))
		s.record(row{"W6", "a page of 1000: p99", "ms", true}, hubName, pages[len(pages)*99/100])
	}
	return os.RemoveAll(dir)
}

// walk reads all pages of the listing and returns how long each took in ms.
func (h *hub) walk(want int) (pages []float64, err error) {
	found := 0
	next := "/api/models/" + owner + "/tree/tree/main?recursive=true&limit=1000"
	for next != "" {
		var header http.Header
		secs, err := timed(func() (err error) {
			var n int
			n, header, err = h.page(next)
			found += n
			return err
		})
		if err != nil {
			return nil, err
		}
		pages = append(pages, secs*1000)
		next = nextPage(header)
	}
	if found < want {
		return nil, fmt.Errorf("%d of %d files were listed", found, want)
	}
	return pages, nil
}

// page reads one page and counts its files without making values of them: that would be the client's cost.
func (h *hub) page(path string) (files int, header http.Header, err error) {
	var raw json.RawMessage
	header, err = h.send(h.token, http.MethodGet, path, nil, 0, &raw)
	return bytes.Count(raw, []byte(`"type":"file"`)), header, err
}

func nextPage(h http.Header) string {
	for _, link := range h.Values("Link") {
		target, rel, _ := strings.Cut(link, ";")
		if u, err := url.Parse(strings.Trim(target, "<> ")); err == nil && strings.Contains(rel, `"next"`) {
			return u.RequestURI()
		}
	}
	return ""
}
