package contract

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
)

// maxRecorded bounds what a Recorder keeps of a JSON answer; what is longer fails the check rather than the memory.
const maxRecorded = 64 << 20

// Recorder passes an answer on and keeps what Validate needs of it: status, headers and, if it is JSON, the body.
// It works under streaming answers, since it copies and never holds back.
type Recorder struct {
	http.ResponseWriter
	status int
	header http.Header // as it was sent
	keep   bool
	body   bytes.Buffer
	size   int64
}

// Record wraps a response writer.
func Record(w http.ResponseWriter) *Recorder { return &Recorder{ResponseWriter: w} }

// WriteHeader notes the final status and the headers as they leave.
func (rec *Recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 {
		rec.status, rec.header = status, rec.Header().Clone()
		base, _, _ := mime.ParseMediaType(rec.header.Get("Content-Type"))
		rec.keep = isJSON(base)
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *Recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	rec.size += int64(len(p))
	if rec.keep && rec.body.Len() < maxRecorded {
		rec.body.Write(p)
	}
	return rec.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the writer beneath, for deadlines.
func (rec *Recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// Flush sends what was written so far.
func (rec *Recorder) Flush() { _ = http.NewResponseController(rec.ResponseWriter).Flush() }

// Status is what was answered, 200 if the handler wrote nothing.
func (rec *Recorder) Status() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}

// Validate holds the finished answer against an operation. A client that went away or sent HEAD is fine.
func (rec *Recorder) Validate(id string, r *http.Request) error {
	if r.Context().Err() != nil {
		return nil //nolint:nilerr // cut short: nobody reads what is missing
	}
	header := rec.header
	if header == nil {
		header = rec.Header()
	}
	body := rec.body.Bytes()
	switch {
	case rec.keep && len(body) >= maxRecorded:
		return errors.New("a JSON answer of 64 MiB and more: no operation promises that")
	case r.Method == http.MethodHead:
		body = nil // net/http drops what handlers write to HEAD
	case !rec.keep && rec.size > 0:
		body = []byte{0} // there is a body; its type needs no parsing
	}
	return Validate(id, r, rec.Status(), header, body)
}
