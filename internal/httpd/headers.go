package httpd

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// requestID answers the client's own id where it sent one: X-Request-Id as it is, X-Amzn-Trace-Id behind ours.
func requestID(h http.Header, r *http.Request, now time.Time) string {
	id := clean(r.Header.Get("X-Request-Id"))
	if id == "" {
		id = newRequestID(now)
		if t := clean(r.Header.Get("X-Amzn-Trace-Id")); t != "" {
			id += ";" + t
		}
	}
	h.Set("X-Request-Id", id)
	return id
}

// newRequestID tells requests apart and is no secret.
func newRequestID(now time.Time) string {
	var random [12]byte
	binary.LittleEndian.PutUint64(random[:], rand.Uint64())
	binary.LittleEndian.PutUint32(random[8:], rand.Uint32())
	b := append(make([]byte, 0, 48), "Root=1-"...)
	b = append(strconv.AppendInt(b, now.Unix(), 16), '-')
	return string(hex.AppendEncode(b, random[:]))
}

// clean keeps what may stand in a header and a log line.
func clean(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.Map(func(c rune) rune {
		if c <= 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, s)
}

const exposed = "X-Repo-Commit, X-Request-Id, X-Error-Code, X-Error-Message, X-Total-Count, ETag, Link, Accept-Ranges, Content-Range, " +
	"Content-Disposition, X-Linked-Size, X-Linked-ETag, X-Xet-Hash, X-Xet-Refresh-Route, X-Xet-Access-Token, X-Xet-Token-Expiration, X-Xet-Cas-Url"

// setCORS lets pages of any origin read answers. No credentials: a cookie never travels along.
func setCORS(h http.Header) {
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposedNames
	h["X-Content-Type-Options"] = noSniff
}

// setHTTPSOnly has browsers that reached the hub by https never try it without.
func setHTTPSOnly(h http.Header, origin string) {
	if strings.HasPrefix(origin, "https://") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// Values that many answers share; nobody changes them in place.
var (
	anyOrigin    = []string{"*"}
	exposedNames = []string{exposed}
	noSniff      = []string{"nosniff"}
)

func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	if want := r.Header.Get("Access-Control-Request-Headers"); want != "" {
		h.Set("Access-Control-Allow-Headers", headerText(want))
	}
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// recorder notes status and bytes and stays out of the way of sendfile.
type recorder struct {
	http.ResponseWriter
	st    *State
	bytes int64
}

func (w *recorder) WriteHeader(status int) {
	if w.st.status == 0 && status >= 200 {
		w.st.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.st.status == 0 {
		w.st.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom hands a file to the connection, which may send it without copying.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	if w.st.status == 0 {
		w.st.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, src)
	w.bytes += n
	return n, err
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
