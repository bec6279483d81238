package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cairnhub/cairn/internal/blob"
)

// maxResumes is how often in a row a download may break without delivering a byte.
const maxResumes = 8

// object reads a range and asks for the rest when the connection breaks.
type object struct {
	caller  context.Context
	ctx     context.Context // the caller's, with an end of its own while nothing comes
	cancel  context.CancelFunc
	store   *Store
	key     string
	etag    *string
	size    int64 // of the whole object
	body    io.ReadCloser
	off     int64
	left    int64
	clip    bool // the range may reach past the object's end
	resumes int
	moved   time.Time // when the last byte came, or when the reading began
}

// Open asks for the range.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := blob.ValidKey(key); err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, errors.New("negative offset")
	}
	if n == 0 {
		return s.openEmpty(ctx, key, off, n)
	}
	o, err := s.open(ctx, key, off, n, false)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return s.openEmpty(ctx, key, off, n) // as is the answer for an empty object
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// OpenPart asks for a range that may reach past the object's end.
func (s *Store) OpenPart(ctx context.Context, key string, off, n int64) (*blob.Part, error) {
	if err := blob.ValidKey(key); err != nil {
		return nil, err
	}
	if off < 0 || n <= 0 {
		return nil, fmt.Errorf("no part of %d bytes from %d", n, off)
	}
	o, err := s.open(ctx, key, off, n, true)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return nil, fmt.Errorf("object %q ends at or before %d: %w", key, off, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, err
	}
	return &blob.Part{ReadCloser: o, Size: o.size, Version: aws.ToString(o.etag)}, nil
}

func (s *Store) open(ctx context.Context, key string, off, n int64, clip bool) (*object, error) {
	o := &object{caller: ctx, store: s, key: key, off: off, left: n, clip: clip, moved: time.Now()}
	o.ctx, o.cancel = context.WithCancel(ctx)
	for try := 1; ; try++ {
		err := o.open()
		if err == nil {
			return o, nil
		}
		var wrong *rangeError
		if errors.As(err, &wrong) && !errors.Is(err, io.ErrUnexpectedEOF) && try < maxResumes && o.pause(try) == nil {
			continue // a proxy may have answered for the service
		}
		o.cancel()
		if errors.Is(err, io.ErrUnexpectedEOF) && wrong != nil {
			return nil, err
		}
		return nil, failure(ctx, "get", key, err)
	}
}

// openEmpty answers for ranges without bytes, which HTTP cannot ask for.
func (s *Store) openEmpty(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if off > info.Size || n > info.Size-off {
		return nil, blob.TooShort(key, info.Size, off, n)
	}
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// rangeError is an answer that is not the range asked for.
type rangeError struct{ err error }

func (e *rangeError) Error() string { return e.err.Error() }
func (e *rangeError) Unwrap() error { return e.err }

// open sends the request for what is left and checks that the answer is that range.
func (o *object) open() error {
	span := fmt.Sprintf("bytes=%d-", o.off)
	if o.left >= 0 {
		span += strconv.FormatInt(o.off+o.left-1, 10)
	}
	waited := time.Since(o.moved)
	late := time.AfterFunc(longest-waited, o.cancel)
	out, err := o.store.client.GetObject(o.ctx, &s3.GetObjectInput{
		Bucket: &o.store.bucket, Key: o.store.name(o.key), Range: &span, IfMatch: o.etag,
	}, newPatience(waited).within)
	late.Stop()
	if err != nil {
		return err
	}
	first, total, err := contentRange(aws.ToString(out.ContentRange))
	switch {
	case err != nil:
	case first != o.off:
		err = fmt.Errorf("object %q: asked for bytes from %d, got them from %d", o.key, o.off, first)
	case o.left > total-o.off && !o.clip:
		err = blob.TooShort(o.key, total, o.off, o.left)
	}
	if err != nil {
		_ = out.Body.Close()
		return &rangeError{err}
	}
	if o.left < 0 || o.left > total-o.off {
		o.left = total - o.off
	}
	o.body, o.etag, o.size = out.Body, out.ETag, total
	return nil
}

// contentRange reads "bytes first-last/total".
func contentRange(s string) (first, total int64, err error) {
	span, size, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	start, _, ok2 := strings.Cut(span, "-")
	if ok && ok2 {
		if first, err = strconv.ParseInt(start, 10, 64); err == nil {
			total, err = strconv.ParseInt(size, 10, 64)
		}
	}
	if !ok || !ok2 || err != nil {
		return 0, 0, fmt.Errorf("the service answered a range request with Content-Range %q", s)
	}
	return first, total, nil
}

func (o *object) Read(p []byte) (int, error) {
	if o.left <= 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		asked := time.Now()
		n, err := o.body.Read(p[:min(int64(len(p)), o.left)])
		o.off += int64(n)
		o.left -= int64(n)
		if n > 0 {
			o.resumes, o.moved = 0, time.Now()
			return n, nil
		}
		if err == nil {
			continue
		}
		if o.resumes == 0 {
			o.moved = asked // who reads slowly has not waited for the service
		}
		if err := o.resume(err); err != nil {
			return 0, err
		}
	}
}

// resume replaces a body that ended early or broke.
func (o *object) resume(cause error) error {
	if cause == io.EOF {
		cause = io.ErrUnexpectedEOF
	}
	for {
		if o.resumes++; o.resumes > maxResumes || time.Since(o.moved) > tired {
			cause = errors.New("the download broke off: " + cause.Error()) // no ErrUnexpectedEOF, which says that the object is short
			return failure(o.caller, "read", o.key, cause)
		}
		if err := o.pause(o.resumes); err != nil {
			return err
		}
		_ = o.body.Close()
		err := o.open()
		if err == nil {
			return nil
		}
		var wrong *rangeError
		if !errors.As(err, &wrong) || errors.Is(err, io.ErrUnexpectedEOF) {
			return failure(o.caller, "read", o.key, err)
		}
		cause = err
	}
}

// pause waits before another attempt; the first comes at once.
func (o *object) pause(attempt int) error {
	var d time.Duration
	if attempt > 1 {
		d, _ = backoff(attempt-2, nil)
	}
	select {
	case <-time.After(d):
		return o.ctx.Err()
	case <-o.ctx.Done():
		return o.ctx.Err()
	}
}

func (o *object) Close() error {
	o.cancel()
	return o.body.Close()
}
