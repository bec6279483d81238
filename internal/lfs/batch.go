package lfs

import (
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// MediaType is the type of all requests and answers.
const MediaType = "application/vnd.git-lfs+json"

// The operations and transfers.
const (
	Upload   = "upload"
	Download = "download"

	Basic     = "basic"
	Multipart = "multipart"
	Xet       = "xet"
)

// Bounds of a batch.
const (
	MaxObjects = 1000
	MaxSize    = 1 << 53 // what a JSON number holds
	MaxBatch   = 1 << 20 // bytes of the request
)

// Batch asks where to send or fetch objects.
type Batch struct {
	Operation string    `json:"operation"`
	Transfers []string  `json:"transfers"`
	Objects   []Pointer `json:"objects"`
	HashAlgo  string    `json:"hash_algo"`
	Ref       *Ref      `json:"ref"`
}

// Ref is the branch that a transfer is for.
type Ref struct {
	Name string `json:"name"`
}

// Pointer names an object by its SHA-256 and size.
type Pointer struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// Answer says what to do with each object.
type Answer struct {
	Transfer string   `json:"transfer"`
	Objects  []Object `json:"objects"`
}

// Object is the answer for one object. Neither actions nor error: there is nothing to do.
type Object struct {
	Pointer
	Authenticated bool              `json:"authenticated,omitempty"`
	Actions       map[string]Action `json:"actions,omitempty"`
	Error         *ObjectError      `json:"error,omitempty"`
}

// Action is a request that the client makes next.
type Action struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header,omitempty"`
	ExpiresIn int64             `json:"expires_in,omitempty"` // seconds
}

// ObjectError is what is wrong with one object; the others of the batch are not touched by it.
type ObjectError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Check refuses a batch that cannot be answered as a whole.
func (b *Batch) Check() error {
	switch {
	case b.Operation != Upload && b.Operation != Download:
		return errs.New(errs.Unprocessable, "operation must be upload or download")
	case len(b.Objects) == 0:
		return errs.New(errs.Unprocessable, "objects must not be empty")
	case len(b.Objects) > MaxObjects:
		return errs.New(errs.TooLarge, "A batch has at most %d objects", MaxObjects)
	case b.HashAlgo != "" && b.HashAlgo != "sha256" && b.HashAlgo != "sha_256":
		return errs.New(errs.Conflict, "hash_algo must be sha256")
	}
	return nil
}

// Offers reports whether the client can use a transfer.
func (b *Batch) Offers(transfer string) bool { return slices.Contains(b.Transfers, transfer) }

// SHA256 reads the object's id; an id or size that no object has is refused.
func (p Pointer) SHA256() (hub.SHA256, error) {
	h, err := hub.ParseSHA256(p.OID)
	if err != nil {
		return h, errs.New(errs.Unprocessable, "oid must have 64 lower-case hex digits")
	}
	if p.Size < 0 || p.Size > MaxSize {
		return h, errs.New(errs.Unprocessable, "size must be between 0 and 2^53")
	}
	return h, nil
}
