package gitapi

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitserve"
)

// client is one exchange as a gitserve.Conn. The answer's head is written with its first byte, so until then an error
// can be a status.
type client struct {
	io.Reader
	w      http.ResponseWriter
	rc     *http.ResponseController
	answer string // its content type
	begun  bool
	set    time.Time // when the write deadline was moved
}

// writeIdle is how long a client may take nothing of an answer.
const writeIdle = 2 * time.Minute

// newClient checks a request's head. At most limit bytes of the body, inflated if need be, are read.
func newClient(w http.ResponseWriter, r *http.Request, service string, limit int64) (*client, error) {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/x-"+service+"-request" {
		return nil, errs.New(errs.Invalid, "The request's Content-Type must be application/x-%s-request.", service)
	}
	var body io.Reader = &boundedBody{http.MaxBytesReader(w, r.Body, limit)}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, errs.New(errs.Invalid, "The request body is not valid gzip.")
		}
		body = &limitedReader{z, limit}
	default:
		return nil, errs.New(errs.Invalid, "The request body may be compressed by gzip only.")
	}
	return &client{Reader: bufio.NewReaderSize(body, 64<<10), w: w, rc: http.NewResponseController(w), answer: "application/x-" + service + "-result"}, nil
}

func (c *client) Write(b []byte) (int, error) {
	if !c.begun {
		c.begun = true
		begin(c.w, c.answer)
	}
	if now := time.Now(); now.Sub(c.set) > time.Second {
		c.set = now
		_ = c.rc.SetWriteDeadline(now.Add(writeIdle))
	}
	return c.w.Write(b)
}

func (c *client) Flush() { _ = c.rc.Flush() }

// ReadDone lifts the deadline that reading the body has set: one that passes would look as if the client had gone.
func (c *client) ReadDone() { _ = c.rc.SetReadDeadline(time.Time{}) }

func (c *client) Drain() bool {
	_, err := io.CopyN(io.Discard, c, gitserve.MaxDrain)
	return err == io.EOF
}

// end lifts the write deadline: the connection may serve more.
func (c *client) end() { _ = c.rc.SetWriteDeadline(time.Time{}) }

// finish gives an exchange that went well without a word an empty answer.
func (c *client) finish(err error) error {
	if err == nil && !c.begun {
		begin(c.w, c.answer)
	}
	return err
}

// boundedBody says in the house's words that there is more than the limit.
type boundedBody struct{ r io.Reader }

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		err = errs.New(errs.TooLarge, "The request body is larger than the %d bytes that this operation accepts.", over.Limit)
	}
	return n, err
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
