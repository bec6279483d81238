package xetapi

import (
	"bufio"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/xet"
)

const octets = "application/octet-stream"

// data serves bytes of a xorb to who holds a signed address. The address is the whole proof: no user is asked for. It is
// good for as long as whoever it was given to may read the repository that it was given for.
// To the client the content seems to end where the signed range does. What is found damaged while it is sent cuts the answer.
func (a *API) data(w http.ResponseWriter, r *http.Request) error {
	g, err := a.openGrant(httpd.Param(r, "hash"), r.URL.Query())
	if err != nil {
		return err
	}
	if _, err := a.Gate.Check(r.Context(), g.ticket, authz.RepoContent); err != nil {
		if errs.KindOf(err) == errs.Internal {
			return err
		}
		return errAddress() // who asks for the reconstruction again is told why
	}
	hash, err := xet.ParseHash(g.hash)
	if err != nil {
		return errAddress()
	}
	size := int64(g.end) + 1
	spans, err := httpd.ParseRange(r.Header.Get("Range"), size)
	if errs.Is(err, errs.RangeUnsatisfiable) {
		return errAddress() // all of it lies behind the range
	}
	if err != nil {
		return err
	}
	for _, s := range spans {
		if s.Off < int64(g.start) {
			return errAddress()
		}
	}
	h := w.Header()
	h.Set("Cache-Control", "private, max-age="+strconv.FormatInt(g.left, 10)+", immutable")
	h.Set("ETag", `"`+g.hash+`"`)
	h.Set("Accept-Ranges", "bytes")
	switch len(spans) {
	case 0:
		return a.sendOne(w, r, hash, httpd.Span{Off: int64(g.start), N: size - int64(g.start)}, http.StatusOK)
	case 1:
		h.Set("Content-Range", spans[0].ContentRange(size))
		return a.sendOne(w, r, hash, spans[0], http.StatusPartialContent)
	}
	return a.sendMany(w, r, hash, spans, size)
}

func (a *API) sendOne(w http.ResponseWriter, r *http.Request, hash xet.Hash, s httpd.Span, status int) error {
	body, err := a.Store.OpenXorb(r.Context(), hash, s.Off, s.N)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", octets)
	w.Header().Set("Content-Length", strconv.FormatInt(s.N, 10))
	if r.Method == http.MethodHead || s.N == 0 {
		w.WriteHeader(status)
		return nil
	}
	return body.Copy(r.Context(), httpd.Answer(w, status))
}

func (a *API) sendMany(w http.ResponseWriter, r *http.Request, hash xet.Hash, spans []httpd.Span, size int64) error {
	// The head of the first part waits for its bytes: until they are checked, the answer may be another.
	out := bufio.NewWriter(httpd.Answer(w, http.StatusPartialContent))
	m := multipart.NewWriter(out)
	w.Header().Set("Content-Type", "multipart/byteranges; boundary="+m.Boundary())
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusPartialContent)
		return nil
	}
	for _, s := range spans {
		part, err := m.CreatePart(textproto.MIMEHeader{"Content-Type": {octets}, "Content-Range": {s.ContentRange(size)}})
		if err == nil {
			err = a.copySpan(r.Context(), part, hash, s)
		}
		if err != nil {
			return err
		}
	}
	if err := m.Close(); err != nil {
		return err
	}
	return out.Flush()
}

func (a *API) copySpan(ctx context.Context, w io.Writer, hash xet.Hash, s httpd.Span) error {
	body, err := a.Store.OpenXorb(ctx, hash, s.Off, s.N)
	if err != nil {
		return err
	}
	return body.Copy(ctx, w)
}
