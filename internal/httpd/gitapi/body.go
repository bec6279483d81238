package gitapi

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
)

// version2 reads the Git-Protocol header. Version 1 is version 0 with another first line, which no server owes.
func version2(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Git-Protocol"), ":") {
		if strings.TrimSpace(part) == "version=2" {
			return true
		}
	}
	return false
}

// requestBody is a request's body of a service, inflated if need be, at most limit bytes of it.
func requestBody(w http.ResponseWriter, r *http.Request, service string, limit int64) (io.Reader, error) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/x-"+service+"-request" {
		return nil, errs.New(errs.Invalid, "The request's Content-Type must be application/x-%s-request.", service)
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, limit)
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, errs.New(errs.Invalid, "The request body is not valid gzip.")
		}
		return &limitedReader{z, limit}, nil
	}
	return nil, errs.New(errs.Invalid, "The request body may be compressed by gzip only.")
}

// limitedReader fails, instead of ending, when there is more than the limit.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, git.ErrLimit
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// bodyDone lifts the deadline that reading the body has set: work on the answer may take longer, and a deadline that
// passes would look as if the client had gone.
func bodyDone(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// detail is what an error says beyond its kind, behind a colon.
func detail(err, kind error) string {
	return strings.TrimPrefix(err.Error(), kind.Error())
}

// protocolError gives the errors of a request that is not what the protocol says their kinds.
func protocolError(err error) error {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, git.ErrLimit):
		return errs.New(errs.TooLarge, "The request asks for more than this hub does at once%s.", detail(err, git.ErrLimit))
	case errors.Is(err, git.ErrUnsupported):
		return errs.New(errs.Invalid, "This hub does not offer what the request asks for%s.", detail(err, git.ErrUnsupported))
	case errors.Is(err, git.ErrMalformed):
		return errs.New(errs.Invalid, "The request is not what git's protocol says: %v", err)
	case errors.As(err, &tooBig), errs.KindOf(err) != errs.Internal:
		return err
	}
	return &errs.Error{Kind: errs.Invalid, Op: "gitapi", Msg: "The request body could not be read to its end.", Err: err}
}
