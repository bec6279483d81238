package xetapi

import (
	"errors"
	"io"
	"net/http"

	"github.com/cairnhub/cairn/internal/errs"
)

// RequestBody bounds a body that is streamed, and tells the client's failures from ours.
func RequestBody(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, errs.New(errs.Invalid, "Compressed request bodies are not accepted; send the body without Content-Encoding.")
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	return &clientBody{http.MaxBytesReader(w, r.Body, limit), limit}, nil
}

func tooLarge(limit int64) error {
	return errs.New(errs.TooLarge, "The request body is larger than the %d bytes that this operation accepts.", limit)
}

type clientBody struct {
	r     io.Reader
	limit int64
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var over *http.MaxBytesError
	switch {
	case err == nil, err == io.EOF:
	case errors.As(err, &over):
		err = tooLarge(b.limit)
	default:
		err = errs.New(errs.Invalid, "The request body could not be read to its end.")
	}
	return n, err
}
