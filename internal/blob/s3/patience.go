package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

const (
	attempts   = 8 // a service that fails three requests in ten still answers all but one of 15,000 operations
	maxBackoff = 2 * time.Second

	// tired is how long an operation may have waited in vain for another attempt to be made: the last one ends within stall.
	tired = 18 * time.Second
	// longest is when an operation without a body ends, whatever it is at.
	longest = 29 * time.Second
)

// patience is what is left of it for one operation: attempts follow each other until they have waited too long in all. The
// time in which an upload's body moves does not count.
type patience struct {
	mu     sync.Mutex
	waited time.Duration
	mark   time.Time
}

func newPatience(waited time.Duration) *patience { return &patience{waited: waited, mark: time.Now()} }

// moved says that a part of the body was taken.
func (p *patience) moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mark = time.Now()
}

// spent counts what went by since the body moved, or since the last failure.
func (p *patience) spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.waited += now.Sub(p.mark)
	p.mark = now
	return p.waited > tired
}

// within lets an operation retry for as long as there is patience.
func (p *patience) within(o *s3.Options) { o.Retryer = &retryer{standard, p} }

// standard says which errors are worth another attempt.
var standard = retry.NewStandard(func(r *retry.StandardOptions) {
	r.MaxAttempts = attempts
	r.Backoff = retry.BackoffDelayerFunc(backoff)
	r.RateLimiter = ratelimit.None // patience bounds it; a shared budget would fail all for the sake of some
	r.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(passing)}, r.Retryables...)
})

// passing knows more errors that may not come again than the SDK does: bodies that were damaged on the way, answers that
// end in the middle. No key of a store is another's folder, so that ExistingObjectIsDirectory is what versitygw answers when
// a deletion takes the folder away that an upload is about to enter.
func passing(err error) aws.Ternary {
	var garbled *smithy.DeserializationError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return aws.UnknownTernary
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &garbled):
		return aws.TrueTernary
	}
	switch status(err) {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return aws.TrueTernary
	}
	switch code(err) {
	case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody", "ExistingObjectIsDirectory":
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

type retryer struct {
	aws.RetryerV2
	p *patience
}

func (r *retryer) IsErrorRetryable(err error) bool {
	return r.RetryerV2.IsErrorRetryable(err) && !r.p.spent()
}

// movingBody is an upload's body: reading it is progress.
type movingBody struct {
	*io.SectionReader
	p *patience
}

func (b *movingBody) Read(p []byte) (int, error) {
	b.p.moved()
	return b.SectionReader.Read(p)
}
