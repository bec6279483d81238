package fileapi

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

const xetInfoType = "application/vnd.xet-fileinfo+json"

func wantsXetInfo(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), xetInfoType) }

// identify names the content and says how it may be asked for.
func identify(h http.Header, id string) (etag string) {
	etag = `"` + id + `"`
	h.Set("ETag", etag)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "private, no-cache")
	return etag
}

// spanWriter writes a part of some content. It reads before it writes.
type spanWriter func(io.Writer, httpd.Span) error

// serve answers conditions and ranges (RFC 9110) for content of a known size, and writes it span by span.
func serve(w http.ResponseWriter, r *http.Request, etag string, size int64, write spanWriter) error {
	h := w.Header()
	if httpd.PreconditionFails(r, etag) {
		return errs.New(errs.PreconditionFailed, "The file is no longer the one that If-Match names.")
	}
	if httpd.NotModified(r, etag) {
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	rng := r.Header.Get("Range")
	if rng != "" && size == 0 { // there is no byte to send; clients that probe with 0-0 still learn the size
		h.Set("Content-Range", "bytes */0")
		rng = ""
	}
	if rng == "" || !httpd.RangeHolds(r, etag) {
		return whole(w, r, size, write)
	}
	spans, err := httpd.ParseRange(rng, size)
	if err != nil {
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		return err
	}
	switch len(spans) {
	case 0:
		return whole(w, r, size, write)
	case 1:
		return part(w, r, spans[0], size, write)
	}
	return parts(w, r, spans, size, write)
}

func whole(w http.ResponseWriter, r *http.Request, size int64, write spanWriter) error {
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead || size == 0 {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	return ended(w, r, write(httpd.Answer(w, http.StatusOK), httpd.Span{N: size}))
}

func part(w http.ResponseWriter, r *http.Request, s httpd.Span, size int64, write spanWriter) error {
	w.Header().Set("Content-Range", s.ContentRange(size))
	w.Header().Set("Content-Length", strconv.FormatInt(s.N, 10))
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusPartialContent)
		return nil
	}
	return ended(w, r, write(httpd.Answer(w, http.StatusPartialContent), s))
}

// ended is how an answer ended. If nothing of it has left, because what is stored could not be read, the error's answer comes
// in its place and says nothing of the content.
func ended(w http.ResponseWriter, r *http.Request, err error) error {
	if err == nil || httpd.Of(r).Begun() {
		return err
	}
	for _, name := range []string{"X-Linked-Size", "X-Linked-Etag", "X-Xet-Hash", "X-Xet-Refresh-Route", "Link"} {
		w.Header().Del(name)
	}
	return err
}

// parts answers several ranges as multipart/byteranges.
func parts(w http.ResponseWriter, r *http.Request, spans []httpd.Span, size int64, write spanWriter) error {
	var b [12]byte
	_, _ = rand.Read(b[:])
	boundary := hex.EncodeToString(b[:])
	heads := make([]string, len(spans))
	length := int64(len("\r\n--" + boundary + "--\r\n"))
	for i, s := range spans {
		heads[i] = fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n", boundary, w.Header().Get("Content-Type"), s.ContentRange(size))
		length += int64(len(heads[i])) + s.N
	}
	w.Header().Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusPartialContent)
		return nil
	}
	out := httpd.Answer(w, http.StatusPartialContent)
	for i, s := range spans {
		if err := write(&headed{out, heads[i]}, s); err != nil {
			return ended(w, r, err)
		}
	}
	_, err := io.WriteString(out, "\r\n--"+boundary+"--\r\n")
	return err
}

// headed writes a part's head before the first of its bytes, when there is one.
type headed struct {
	w    io.Writer
	head string
}

func (h *headed) Write(b []byte) (int, error) {
	if h.head != "" {
		if _, err := io.WriteString(h.w, h.head); err != nil {
			return 0, err
		}
		h.head = ""
	}
	return h.w.Write(b)
}

// copySpan writes a span of a stream that starts at the content's first byte.
func copySpan(w io.Writer, rc io.Reader, s httpd.Span) error {
	if _, err := io.CopyN(io.Discard, rc, s.Off); err != nil {
		return errEnded
	}
	if _, err := io.CopyN(w, rc, s.N); err != nil {
		return err
	}
	return nil
}

// shown are the types that a browser may show; all else is text or an attachment of bytes. HTML, SVG and scripts are
// text here: what users upload must not run in the hub's origin.
var shown = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif", ".bmp": "image/bmp",
	".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".m4a": "audio/mp4",
	".json": "application/json", ".txt": textType, ".md": textType, ".csv": textType, ".tsv": textType, ".jsonl": textType, ".yaml": textType, ".yml": textType,
	".py": textType, ".js": textType, ".mjs": textType, ".ts": textType, ".css": textType, ".html": textType, ".htm": textType, ".xhtml": textType, ".svg": textType,
	".xml": textType, ".xsl": textType, ".toml": textType, ".ini": textType, ".cfg": textType, ".sh": textType, ".rs": textType, ".go": textType, ".c": textType, ".h": textType,
	".cpp": textType, ".java": textType, ".jinja": textType, ".ipynb": "application/json", ".log": textType, ".tex": textType, ".rst": textType, ".sql": textType,
	"": textType, ".gitattributes": textType, ".gitignore": textType,
}

const textType = "text/plain; charset=utf-8"

// describe names and types a file so that nothing in it can act as a page of the hub.
func describe(h http.Header, p string, download bool) {
	t, ok := shown[strings.ToLower(path.Ext(path.Base(p)))]
	if !ok {
		t = "application/octet-stream"
	}
	how := "inline"
	if download || !ok {
		how = "attachment"
	}
	h.Set("Content-Type", t)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("Content-Disposition", disposition(p, how))
}

func disposition(p, how string) string {
	name := path.Base(p)
	return how + "; filename*=UTF-8''" + url.PathEscape(name) + "; filename=" + asciiName(name)
}

// asciiName is the quoted fall-back for clients that do not read filename*.
func asciiName(name string) string {
	plain := strings.Map(func(c rune) rune {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return '_'
		}
		return c
	}, name)
	return `"` + plain + `"`
}
