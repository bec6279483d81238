package s3

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cairnhub/cairn/internal/blob"
)

// AbortLeftovers ends the uploads in parts that were started before a time and never completed: what processes that died
// leave behind, and what the service keeps and charges for. It looks at keys that begin with one of the prefixes, since
// the bucket may be shared. Nothing that is stored can go by this: an upload that is not completed is no object, and one that
// is completed is no upload any more. A live one that old fails, and is sent again.
func (s *Store) AbortLeftovers(ctx context.Context, before time.Time, prefixes ...string) (aborted int, err error) {
	for _, prefix := range prefixes {
		n, err := s.abortUnder(ctx, prefix, before)
		if aborted += n; err != nil {
			return aborted, err
		}
	}
	return aborted, nil
}

func (s *Store) abortUnder(ctx context.Context, prefix string, before time.Time) (aborted int, err error) {
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: s.name(prefix)}
	for {
		page, err := s.listUploads(ctx, in)
		if err != nil {
			return aborted, failure(ctx, "list uploads under", prefix, err)
		}
		for _, u := range page.Uploads {
			key := strings.TrimPrefix(aws.ToString(u.Key), s.prefix)
			old := u.Initiated != nil && u.Initiated.Before(before)
			if !old || !strings.HasPrefix(key, prefix) || blob.ValidKey(key) != nil {
				continue
			}
			if err := s.abort(ctx, key, u.UploadId); err != nil {
				return aborted, failure(ctx, "abort an upload of", key, err)
			}
			aborted++
		}
		if !aws.ToBool(page.IsTruncated) || aws.ToString(page.NextKeyMarker) == "" {
			return aborted, nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}

func (s *Store) listUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	return s.client.ListMultipartUploads(ctx, in, newPatience(0).within)
}

func (s *Store) abort(ctx context.Context, key string, id *string) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.name(key), UploadId: id}, newPatience(0).within)
	if status(err) == 404 { // somebody else was faster
		return nil
	}
	return err
}
