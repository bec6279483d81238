package lfsapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/xetapi"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore"
)

const (
	defaultPartSize = 64 << 20
	// maxParts bounds the parts of one object, partsPerBatch the addresses in one answer, of some 400 bytes each: the parts of
	// very large objects, and of those in very large batches, are longer.
	maxParts      = 1000
	partsPerBatch = 10_000
	partUnit      = 1 << 20
)

// inParts reports whether a batch is answered by multipart: the client knows it, and an object is longer than a part. All
// objects of such a batch go in parts, be it one, since git-lfs runs a batch through one transfer.
func (a *API) inParts(b *lfs.Batch) bool {
	if b.Operation != lfs.Upload || !b.Offers(lfs.Multipart) {
		return false
	}
	for _, p := range b.Objects {
		if p.Size > a.partSize() && p.Size <= lfs.MaxSize {
			return true
		}
	}
	return false
}

func (a *API) partSize() int64 {
	if a.PartSize > 0 {
		return a.PartSize
	}
	return defaultPartSize
}

// partSizeOf is the length of the parts of an object in a batch of n.
func (a *API) partSizeOf(size int64, n int) int64 {
	most := int64(min(maxParts, max(partsPerBatch/n, 1)))
	if chunk := a.partSize(); (size+chunk-1)/chunk <= most {
		return chunk
	}
	least := (size + most - 1) / most
	return (least + partUnit - 1) / partUnit * partUnit
}

// multipart1 gives an address for each part and one that says that all were sent. Clients take what the header holds
// beside chunk_size for parts, some in the order of their keys as text.
func (a *API) multipart1(proof map[string]string, n int) act {
	return func(st *httpd.State, o *lfs.Object, f *xetstore.File) error {
		if f != nil {
			return nil
		}
		if a.MaxObject > 0 && o.Size > a.MaxObject {
			return errs.New(errs.Unprocessable, "The object is larger than the %d bytes that are allowed", a.MaxObject)
		}
		chunk := a.partSizeOf(o.Size, n)
		d := a.newAddress(st, onePart, o.Pointer)
		d.upload, d.chunk = hub.NewID(), strconv.FormatInt(chunk, 10)
		header := map[string]string{"chunk_size": d.chunk}
		for i := int64(1); (i-1)*chunk < o.Size; i++ {
			d.number = strconv.FormatInt(i, 10)
			header[fmt.Sprintf("%05d", i)] = a.sign(st, d)
		}
		d.operation, d.number = complete, ""
		up := a.action(st, d)
		up.Header = header
		o.Actions = map[string]lfs.Action{lfs.Upload: up, "verify": a.verification(st, proof)}
		return nil
	}
}

// uploadPart takes the bytes of a part. Its ETag is what the client states when it has sent all parts.
func (a *API) uploadPart(w http.ResponseWriter, r *http.Request) error {
	g, err := a.open(r, onePart, authz.RepoWrite)
	if err != nil {
		return err
	}
	size := min(g.chunk, g.pointer.Size-int64(g.number-1)*g.chunk)
	if r.ContentLength >= 0 && r.ContentLength != size {
		return errs.New(errs.Invalid, "The body has %d bytes instead of the part's %d", r.ContentLength, size)
	}
	if err := a.hasRoom(r, g); err != nil {
		return err
	}
	body, err := xetapi.RequestBody(w, r, size+1)
	if err != nil {
		return err
	}
	tag, err := a.Store.PutPart(r.Context(), g.scope, xetstore.Part{Upload: g.upload, Number: g.number, Size: size}, body)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", `"`+tag+`"`)
	w.WriteHeader(http.StatusOK)
	return nil
}

// completion is what a client says of the parts that it has sent.
type completion struct {
	OID   string `json:"oid"`
	Parts []struct {
		Number int    `json:"partNumber"`
		ETag   string `json:"etag"`
	} `json:"parts"`
}

// completeUpload makes an object of the parts, if they are it.
func (a *API) completeUpload(w http.ResponseWriter, r *http.Request) error {
	g, err := a.open(r, complete, authz.RepoWrite)
	if err != nil {
		return err
	}
	var c completion
	if err := httpd.ReadJSON(w, r, lfs.MaxBatch, &c); err != nil {
		return err
	}
	if c.OID != "" && c.OID != g.pointer.OID {
		return errs.New(errs.Invalid, "The address is for the object %s", g.pointer.OID)
	}
	parts := make([]xetstore.PartTag, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = xetstore.PartTag{Number: p.Number, Tag: p.ETag}
	}
	_, err = a.Store.CompleteParts(r.Context(), g.scope, g.upload, parts, g.sha, g.pointer.Size, g.chunk)
	if err != nil {
		return err
	}
	return answer(w, struct{}{})
}
