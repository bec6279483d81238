package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
)

// Renderer writes an error in the words of one protocol.
type Renderer func(w http.ResponseWriter, r *http.Request, status int, e *errs.Error)

// statusOf is the one table from kinds to HTTP statuses.
var statusOf = map[errs.Kind]int{
	errs.Internal:           http.StatusInternalServerError,
	errs.Invalid:            http.StatusBadRequest,
	errs.Unauthenticated:    http.StatusUnauthorized,
	errs.PaymentRequired:    http.StatusPaymentRequired,
	errs.Forbidden:          http.StatusForbidden,
	errs.NotFound:           http.StatusNotFound,
	errs.Conflict:           http.StatusConflict,
	errs.PreconditionFailed: http.StatusPreconditionFailed,
	errs.TooLarge:           http.StatusRequestEntityTooLarge,
	errs.RangeUnsatisfiable: http.StatusRequestedRangeNotSatisfiable,
	errs.Unprocessable:      http.StatusUnprocessableEntity,
	errs.RateLimited:        http.StatusTooManyRequests,
	errs.NotImplemented:     http.StatusNotImplemented,
	errs.Unavailable:        http.StatusServiceUnavailable,
	errs.StorageFull:        http.StatusInsufficientStorage,
	errs.Gone:               http.StatusGone,
	errs.Damaged:            http.StatusGone, // a 5xx has Xet clients ask again for minutes
}

// fail renders any error. What is not an *errs.Error is ours to mend: its text goes to the log only.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	st := Of(r)
	st.errMsg = err.Error()
	var e *errs.Error
	if !errors.As(err, &e) {
		e = asError(err)
	}
	if e.Kind == errs.Internal {
		e = &errs.Error{Kind: errs.Internal, Msg: "Internal error. Give the request id " + st.ID + " to the operator of this hub."}
	}
	status := statusOf[e.Kind]
	if e.Kind == errs.Internal && callerGone(r, err) {
		status = statusCallerGone
	}
	// An anonymous caller is told to sign in where a signed-in one is told no: both for repositories that are absent or
	// private, and for what needs a right.
	if st.Actor.Anonymous() && !provesItself(st.Route) && (e.Code == errs.CodeRepoNotFound || e.Kind == errs.Forbidden) {
		status = http.StatusUnauthorized
	}
	h := w.Header()
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="Cairn", charset="UTF-8"`)
	}
	SetRetry(h, e)
	if e.Code != "" {
		h.Set("X-Error-Code", e.Code)
	}
	h.Set("X-Error-Message", headerText(e.Msg))
	h.Set("Cache-Control", "no-store")
	for _, k := range []string{"Content-Length", "Content-Encoding", "Content-Disposition", "Accept-Ranges", "Last-Modified"} {
		h.Del(k)
	}
	if e.Kind != errs.PreconditionFailed && e.Kind != errs.RangeUnsatisfiable { // else they tell what there is
		h.Del("ETag")
		h.Del("Content-Range")
	}
	render := RenderHub
	if st.Route != nil && st.Route.Render != nil {
		render = st.Route.Render
	}
	render(w, r, status, e)
}

// statusCallerGone is what logs and metrics say of a request whose caller went away before the answer began; nobody reads it.
const statusCallerGone = 499

// callerGone reports whether a failure is only that: downloaders with several connections close what they no longer need.
func callerGone(r *http.Request, err error) bool {
	return r.Context().Err() != nil && errors.Is(err, context.Canceled)
}

// provesItself reports whether the route's request carries its own proof, beside which nobody signs in.
func provesItself(rt *Route) bool {
	return rt != nil && (rt.Right == authz.Signed || rt.Right == authz.XetRead || rt.Right == authz.XetWrite)
}

// asError gives the errors of the standard library that mean something to the caller their kind.
func asError(err error) *errs.Error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return errs.New(errs.TooLarge, "The request body is larger than the %d bytes that this operation accepts.", tooBig.Limit)
	}
	return &errs.Error{Kind: errs.Internal, Err: err}
}

// RenderHub writes the Hub's form: a JSON object with error.
func RenderHub(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	body := map[string]any{}
	maps.Copy(body, e.Detail)
	body["error"] = e.Msg
	writeJSON(w, r, status, jsonType, body)
}

// RenderLFS writes git-lfs's form: a JSON object with message.
func RenderLFS(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	body := map[string]any{}
	maps.Copy(body, e.Detail)
	body["message"], body["request_id"] = e.Msg, Of(r).ID
	writeJSON(w, r, status, "application/vnd.git-lfs+json", body)
}

// RenderText writes plain text, as the Xet CAS and git do.
func RenderText(w http.ResponseWriter, r *http.Request, status int, e *errs.Error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(e.Msg)+1))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(e.Msg + "\n"))
	}
}

const jsonType = "application/json; charset=utf-8"

// JSON writes a value as the answer.
func JSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	writeJSON(w, r, status, jsonType, v)
	return nil
}

// buffers are used again for answers that are built in memory.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// bufferMost is the largest buffer that is kept: what a page of a thousand files takes several times.
const bufferMost = 1 << 20

// AppendedJSON answers JSON that encode appends to a buffer. The buffer serves later answers, too, so encode must not keep it.
func AppendedJSON(w http.ResponseWriter, r *http.Request, encode func([]byte) []byte) error {
	buf := buffers.Get().(*[]byte)
	*buf = encode((*buf)[:0])
	writeBody(w, r, http.StatusOK, jsonType, *buf)
	if cap(*buf) <= bufferMost {
		buffers.Put(buf)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	b, done := v.(json.RawMessage) // encoded already
	var err error
	if !done {
		b, err = json.Marshal(v)
	}
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	writeBody(w, r, status, contentType, b)
}

// knownLength is from when on net/http would not find out by itself how long an answer is, and send it in chunks. An error may
// be sent before its handler has returned: see linger.
const knownLength = 2 << 10

func writeBody(w http.ResponseWriter, r *http.Request, status int, contentType string, b []byte) {
	w.Header().Set("Content-Type", contentType)
	if r.Method != http.MethodHead && (len(b) > knownLength || status >= http.StatusBadRequest) {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	}
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if len(b) <= shortBody {
		_, _ = w.Write(b)
		return
	}
	out := Patient(w)
	for piece := range slices.Chunk(b, shortBody) {
		if _, err := out.Write(piece); err != nil {
			return
		}
	}
}

// shortBody is what a connection's buffers mostly take at once. A client that does not read a longer one is not waited for
// for ever.
const shortBody = 64 << 10

// headerText makes a message fit for a header: one line of printable ASCII, so that nothing can be injected.
func headerText(s string) string {
	if len(s) > 1000 {
		s = s[:1000]
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return ' '
		case c < 0x20 || c == 0x7f:
			return -1
		case c > 0x7e:
			return '?'
		}
		return c
	}, s)
}
