package xetapi

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/xet"
)

// maxXorbBody is a xorb and the footer that old clients append.
const maxXorbBody = xet.MaxXorbBody + 512<<10

func (a *API) xorbUpload(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, true)
	if err != nil {
		return err
	}
	hash, err := pathHash(r)
	if err != nil {
		return err
	}
	body, err := RequestBody(w, r, maxXorbBody)
	if err != nil {
		return err
	}
	inserted, err := a.Store.PutXorb(r.Context(), scope, hash, body)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]bool{"was_inserted": inserted})
}

func (a *API) xorbHead(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, false)
	if err != nil {
		return err
	}
	hash, err := pathHash(r)
	if err != nil {
		return err
	}
	size, found, err := a.Store.StatXorb(r.Context(), scope, hash)
	if err != nil {
		return err
	}
	if !found {
		return errs.New(errs.NotFound, "Xorb not found")
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a *API) shardV1(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, true)
	if err != nil {
		return err
	}
	body, err := RequestBody(w, r, xet.MaxShard)
	if err != nil {
		return err
	}
	if err := a.Store.PutShard(r.Context(), scope, body, nil); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]int{"result": 1})
}

// RequestBody bounds a body that is streamed, and tells the client's failures from ours.
func RequestBody(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, errs.New(errs.Invalid, "Compressed request bodies are not accepted; send the body without Content-Encoding.")
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	return &clientBody{http.MaxBytesReader(w, r.Body, limit), http.NewResponseController(w), limit}, nil
}

func tooLarge(limit int64) error {
	return errs.New(errs.TooLarge, "The request body is larger than the %d bytes that this operation accepts.", limit)
}

type clientBody struct {
	r     io.Reader
	rc    *http.ResponseController
	limit int64
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var over *http.MaxBytesError
	switch {
	case err == nil:
	case err == io.EOF:
		// No more is read, so that a deadline for the next byte would end the request while the server works.
		_ = b.rc.SetReadDeadline(time.Time{})
	case errors.As(err, &over):
		err = tooLarge(b.limit)
	default:
		err = errs.New(errs.Invalid, "The request body could not be read to its end.")
	}
	return n, err
}
