package httpd

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// MaxJSON bounds a JSON request body unless the route says otherwise.
const MaxJSON = 1 << 20

// ReadJSON decodes a bounded JSON object. An empty body leaves dst as it is. Unknown members are let through, since
// clients send extras; a wrong type is a 400 that names the member.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, dst any) error {
	b, err := ReadBody(w, r, limit)
	if err != nil || len(b) == 0 {
		return err
	}
	if err := checkNesting(b); err != nil {
		return err
	}
	var bad *json.UnmarshalTypeError
	switch err := json.Unmarshal(b, dst); {
	case errors.As(err, &bad) && bad.Field == "":
		return errs.New(errs.Invalid, "The request body must be a JSON object.")
	case errors.As(err, &bad):
		return errs.New(errs.Invalid, "%q must be of type %s", bad.Field, bad.Type)
	case err != nil:
		return errs.New(errs.Invalid, "The request body is not valid JSON: %v", err)
	}
	return nil
}

// ReadBody reads a whole body of at most limit bytes.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "" && r.Header.Get("Content-Encoding") != "identity" {
		return nil, errs.New(errs.Invalid, "Compressed request bodies are not accepted; send the body without Content-Encoding.")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooBig *http.MaxBytesError
	if err != nil && !errors.As(err, &tooBig) {
		return nil, errs.New(errs.Invalid, "The request body could not be read to its end.")
	}
	return b, err
}

const maxNesting = 64

// checkNesting refuses JSON that is nested deeper than any client sends.
func checkNesting(b []byte) error {
	depth, inString, escaped := 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return errs.New(errs.Invalid, "The JSON body is nested more than %d levels deep.", maxNesting)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// idle is how long a client may send nothing in the middle of a body before it is cut off.
const idle = 30 * time.Second

// idleBody moves the connection's read deadline along with progress, so that a slow upload may take hours and a dead
// one goes away.
type idleBody struct {
	io.ReadCloser
	rc   *http.ResponseController
	last time.Time

	ended bool // to its end, or it broke
}

func (b *idleBody) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.last) > time.Second {
		b.last = now
		_ = b.rc.SetReadDeadline(now.Add(idle))
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended = true
		_ = b.rc.SetReadDeadline(time.Time{}) // the handler may work for as long as it must
	}
	return n, err
}

// stall is how long a client may take nothing of an answer before it is cut off.
var stall = 60 * time.Second // set by tests alone

// patientWriter moves the write deadline along with progress, so that a slow reader may take hours and a dead one goes.
// The server lifts the deadline when the connection's next request comes.
type patientWriter struct {
	w      http.ResponseWriter
	rc     http.ResponseController
	status int // the answer begins with it at the first byte; 0: it has begun, or begins as the transport does
	last   time.Time
}

// Patient is w for long answers: it waits for a client as long as the client goes on reading.
func Patient(w http.ResponseWriter) io.Writer {
	return &patientWriter{w: w, rc: *http.NewResponseController(w)}
}

// Answer is Patient for an answer whose status leaves with its first byte. What fails before there is one is still answered
// as the error that it is, and not by a broken connection.
func Answer(w http.ResponseWriter, status int) io.Writer {
	return &patientWriter{w: w, rc: *http.NewResponseController(w), status: status}
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if p.status != 0 {
		p.w.WriteHeader(p.status)
		p.status = 0
	}
	if now := time.Now(); now.Sub(p.last) > time.Second {
		p.last = now
		_ = p.rc.SetWriteDeadline(now.Add(stall))
	}
	return p.w.Write(b)
}
