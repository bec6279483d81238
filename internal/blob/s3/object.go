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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cairnhub/cairn/internal/blob"
)

// maxResumes is how often in a row a download may break without delivering a byte.
const maxResumes = 5

// object reads a range and asks for the rest when the connection breaks.
type object struct {
	ctx     context.Context
	store   *Store
	key     string
	etag    *string
	body    io.ReadCloser
	off     int64
	left    int64
	resumes int
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
	o := &object{ctx: ctx, store: s, key: key, off: off, left: n}
	err := o.open()
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return s.openEmpty(ctx, key, off, n) // as is the answer for an empty object
	}
	if err != nil {
		var api *rangeError
		if errors.As(err, &api) {
			return nil, err
		}
		return nil, failure(ctx, "get", key, err)
	}
	return o, nil
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
	out, err := o.store.client.GetObject(o.ctx, &s3.GetObjectInput{
		Bucket: &o.store.bucket, Key: o.store.name(o.key), Range: &span, IfMatch: o.etag,
	})
	if err != nil {
		return err
	}
	first, total, err := contentRange(aws.ToString(out.ContentRange))
	switch {
	case err != nil:
	case first != o.off:
		err = fmt.Errorf("object %q: asked for bytes from %d, got them from %d", o.key, o.off, first)
	case o.left > total-o.off:
		err = blob.TooShort(o.key, total, o.off, o.left)
	}
	if err != nil {
		_ = out.Body.Close()
		return &rangeError{err}
	}
	if o.left < 0 {
		o.left = total - o.off
	}
	o.body, o.etag = out.Body, out.ETag
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
		n, err := o.body.Read(p[:min(int64(len(p)), o.left)])
		o.off += int64(n)
		o.left -= int64(n)
		if n > 0 {
			o.resumes = 0
			return n, nil
		}
		if err == nil {
			continue
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
	if o.ctx.Err() != nil {
		return o.ctx.Err()
	}
	if o.resumes++; o.resumes > maxResumes {
		return failure(o.ctx, "read", o.key, cause)
	}
	_ = o.body.Close()
	if err := o.open(); err != nil {
		return failure(o.ctx, "read", o.key, err)
	}
	return nil
}

func (o *object) Close() error { return o.body.Close() }
