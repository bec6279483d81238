package fileapi

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
)

// Key names a file as a request does: how a repository's revision and path are written in the address, and the hub's
// address as this client knows it, which stands in links.
type Key struct{ RepoID, RevPath, Origin string }

// Found is what an address led to, ready to be answered. It holds none of the repository's packs.
type Found struct {
	file   *content.File
	etag   string // quoted
	header []field
	body   atomic.Pointer[[]byte] // of a small file in git, once somebody has read it
}

type field struct {
	name  string // canonical
	value []string
}

// Memo keeps what was found for as long as nothing has changed; see db.Memo.
type Memo interface {
	Get(k Key, load func() (*Found, error)) (*Found, error)
}

// maxKept is the largest file whose bytes are kept: what configurations and cards take.
const maxKept = 16 << 10

// kept is whether the file's bytes are kept.
func (f *Found) kept() bool { return f.file.Large == nil && f.file.Size <= maxKept }

// Weight is about how many bytes it takes, those of the file included.
func (f *Found) Weight() int64 {
	n := int64(1000)
	if f.kept() {
		n += f.file.Size
	}
	for _, h := range f.header {
		n += int64(len(h.value[0]))
	}
	return n
}

// found is what the request's address leads to; live is the file itself if it had to be looked up, as it had if write needs it.
func (a *API) found(w http.ResponseWriter, r *http.Request) (fd *Found, live *content.File, err error) {
	st := httpd.Of(r)
	fd, err = a.Memo.Get(Key{st.Repo.RowID, httpd.Rest(r), st.Origin}, func() (*Found, error) {
		var snap *content.Snapshot
		if snap, live, err = a.lookUp(w, r); err != nil {
			return nil, err
		}
		return newFound(r, snap, live), nil
	})
	if err == nil && live == nil {
		return a.open(w, r, fd)
	}
	return fd, live, err
}

func (a *API) lookUp(w http.ResponseWriter, r *http.Request) (*content.Snapshot, *content.File, error) {
	snap, path, err := a.find(w, r)
	if err != nil {
		return nil, nil, err
	}
	f, err := a.Content.File(r.Context(), snap, path)
	if err == nil {
		err = f.Whole()
	}
	return snap, f, err
}

// open looks a file in git up again whose bytes the answer needs and nobody holds. It must come before the first byte of the
// answer: a commit since the first look may have changed the file, and then the answer is about the new one.
func (a *API) open(w http.ResponseWriter, r *http.Request, fd *Found) (*Found, *content.File, error) {
	if fd.file.Large != nil || fd.body.Load() != nil || r.Method == http.MethodHead || httpd.NotModified(r, fd.etag) {
		return fd, nil, nil
	}
	snap, live, err := a.lookUp(w, r)
	if err != nil {
		return nil, nil, err
	}
	if live.Large != nil || live.ETag() != fd.file.ETag() {
		fd = newFound(r, snap, live)
	}
	return fd, live, nil
}

func newFound(r *http.Request, snap *content.Snapshot, f *content.File) *Found {
	h := http.Header{"X-Repo-Commit": {snap.Commit.String()}}
	describe(h, f.Path, false)
	fd := &Found{file: f.Detached(), etag: identify(h, f.ETag())}
	if f.Large != nil {
		xetHeaders(h, r, snap, f)
	}
	for name, value := range h {
		fd.header = append(fd.header, field{name, value})
	}
	return fd
}

// write writes a part of what found gave.
func (a *API) write(w io.Writer, r *http.Request, fd *Found, live *content.File, s httpd.Span) (err error) {
	if fd.file.Large != nil {
		return fd.file.WriteRange(r.Context(), w, s.Off, s.N)
	}
	if !fd.kept() {
		return live.WriteRange(r.Context(), w, s.Off, s.N)
	}
	body := fd.body.Load()
	if body == nil {
		if body, err = read(r, live); err != nil {
			return err
		}
		fd.body.Store(body)
	}
	_, err = w.Write((*body)[s.Off : s.Off+s.N])
	return err
}

// read is the whole of a small file, checked against its id.
func read(r *http.Request, f *content.File) (*[]byte, error) {
	rc, size, err := f.Raw(r.Context())
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b := make([]byte, size)
	if _, err = io.ReadFull(rc, b); err != nil {
		return nil, err
	}
	if _, err = rc.Read(make([]byte, 1)); err != io.EOF { // which is when the id is compared
		return nil, errors.Join(errEnded, err)
	}
	return &b, nil
}

// xetHeaders tell a Xet client how to fetch the file by its chunks.
func xetHeaders(h http.Header, r *http.Request, snap *content.Snapshot, f *content.File) {
	hash := f.Large.Hash.String()
	h.Set("X-Linked-Size", strconv.FormatInt(f.Size, 10))
	h.Set("X-Linked-ETag", `"`+f.ETag()+`"`)
	h.Set("X-Xet-Hash", hash)
	auth, rec := xetLinks(r, snap, hash)
	h.Set("X-Xet-Refresh-Route", auth)
	h.Set("Link", "<"+auth+`>; rel="xet-auth", <`+rec+`>; rel="xet-reconstruction-info"`)
}
