package xetapi

import (
	"net/http"
	"strconv"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/xet"
)

// maxXorbBody is a xorb and the footer that old clients append.
const maxXorbBody = xet.MaxXorbBody + 512<<10

func (a *API) xorbUpload(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, writes)
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
	scope, err := a.admit(r, asks)
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
	scope, err := a.admit(r, writes)
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
