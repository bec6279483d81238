package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// isAbsent: the object does not exist; a bucket that does not exist is another matter.
func isAbsent(err error) bool {
	return status(err) == http.StatusNotFound && code(err) != "NoSuchBucket" && code(err) != "NoSuchUpload"
}

// failure maps what the service answered. The caller's own cancellation stays what it is.
func failure(ctx context.Context, op, key string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if isAbsent(err) {
		return blob.NotFound(key)
	}
	err = fmt.Errorf("S3: %s %q: %w", op, key, err)
	if status(err) == http.StatusPreconditionFailed {
		return &errs.Error{Kind: errs.Unavailable, Msg: "What is stored was replaced while it was read, try again", Op: "blob", Err: err}
	}
	switch status := status(err); {
	case status == http.StatusInsufficientStorage, code(err) == "XMinioStorageFull", code(err) == "QuotaExceeded":
		return &errs.Error{Kind: errs.StorageFull, Msg: "The server's storage is full", Op: "blob", Err: err}
	case status == 0, status == http.StatusTooManyRequests, status >= 500:
		return &errs.Error{Kind: errs.Unavailable, Msg: "The server's storage does not answer, try again", Op: "blob", Err: err}
	}
	return err // wrong credentials, no such bucket: for the log
}
