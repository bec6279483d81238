package s3

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cairnhub/cairn/internal/blob"
)

// Presign signs the range with the rest of the request: the service refuses one that asks for other bytes, or for all.
func (s *Store) Presign(ctx context.Context, key string, off, n int64, from time.Time, ttl time.Duration) (string, error) {
	if err := blob.ValidKey(key); err != nil {
		return "", err
	}
	if off < 0 || n <= 0 {
		return "", fmt.Errorf("no URL is made for %d bytes from %d", n, off)
	}
	out, err := s.presign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: s.name(key), Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1)),
	}, func(o *s3.PresignOptions) { o.Expires, o.Presigner = ttl, signedAt{o.Presigner, from} })
	if err != nil {
		return "", fmt.Errorf("S3: sign a URL of %q: %w", key, err)
	}
	if len(out.SignedHeader.Values("Range")) != 1 {
		return "", fmt.Errorf("S3: the range of %q was not signed", key)
	}
	return out.URL, nil
}

// signedAt signs as of a time that the caller chooses, so that equal questions get equal URLs for a while.
type signedAt struct {
	s3.HTTPPresignerV4
	from time.Time
}

func (s signedAt) PresignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, payload, service, region string, _ time.Time, options ...func(*v4.SignerOptions)) (string, http.Header, error) {
	return s.HTTPPresignerV4.PresignHTTP(ctx, c, r, payload, service, region, s.from, options...)
}
