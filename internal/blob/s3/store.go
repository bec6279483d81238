package s3

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/cairnhub/cairn/internal/blob"
)

// Store is a blob.Store.
type Store struct {
	client  *s3.Client
	presign *s3.PresignClient
	bucket  string
	prefix  string
	temp    string
}

var (
	_ blob.Store     = (*Store)(nil)
	_ blob.Presigner = (*Store)(nil)
	_ blob.Reacher   = (*Store)(nil)
	_ blob.Leftovers = (*Store)(nil)
)

// New opens the store. It sends nothing: Check says whether the service answers.
func New(ctx context.Context, o Options) (*Store, error) {
	if o.Bucket == "" {
		return nil, errors.New("S3 storage: no bucket given")
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		return nil, errors.New("S3 storage: no credentials given: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	s := &Store{client: client(o), bucket: o.Bucket, temp: o.TempDir}
	s.presign = s3.NewPresignClient(s.client)
	if o.Public != "" {
		public := o
		public.Endpoint = o.Public
		s.presign = s3.NewPresignClient(client(public))
	}
	if s.prefix = strings.Trim(o.Prefix, "/"); s.prefix != "" {
		s.prefix += "/"
	}
	return s, nil
}

func client(o Options) *s3.Client {
	options := s3.Options{
		Region:                     o.Region,
		Credentials:                credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, o.Session),
		UsePathStyle:               true,
		HTTPClient:                 httpClient(),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		Retryer:                    standard,
	}
	if o.Endpoint != "" {
		options.BaseEndpoint = aws.String(strings.TrimRight(o.Endpoint, "/"))
	}
	return s3.New(options)
}

// backoff waits from 50 ms, twice as long each time, give or take half: a service that refuses now and then costs little,
// one that restarts is waited for.
func backoff(attempt int, _ error) (time.Duration, error) {
	d := min(50*time.Millisecond<<min(attempt, 10), maxBackoff)
	return d/2 + rand.N(d), nil
}

func (s *Store) name(key string) *string { return aws.String(s.prefix + key) }

// Check writes, reads and deletes a small object.
func (s *Store) Check(ctx context.Context) error { return blob.Probe(ctx, s) }

// Reach asks for one key.
func (s *Store) Reach(ctx context.Context) error {
	_, err := s.List(ctx, "probe/", "", 1)
	return err
}

// Stat returns the object's size and the time of its upload.
func (s *Store) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := blob.ValidKey(key); err != nil {
		return blob.Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.name(key)}, newPatience(0).within)
	if err != nil {
		return blob.Info{}, failure(ctx, "stat", key, err)
	}
	return blob.Info{Key: key, Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified)}, nil
}

// head asks for what the service knows of an object, with its CRC32C if it keeps that. The answer is never nil.
func (s *Store) head(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.name(key), ChecksumMode: types.ChecksumModeEnabled}, newPatience(0).within)
	if err != nil {
		return &s3.HeadObjectOutput{}, failure(ctx, "stat", key, err)
	}
	return out, nil
}

// Delete removes the object.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := blob.ValidKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.name(key)}, newPatience(0).within)
	if err != nil && !isAbsent(err) {
		return failure(ctx, "delete", key, err)
	}
	return nil
}

// List asks for pages of up to 1000 until it has enough.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	if limit <= 0 {
		limit = 1000
	}
	var found []blob.Info
	for len(found) < limit {
		page, more, err := s.page(ctx, prefix, after, limit-len(found))
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if !more || len(page) == 0 {
			break
		}
		after = page[len(page)-1].Key
	}
	return found, nil
}

func (s *Store) page(ctx context.Context, prefix, after string, limit int) (page []blob.Info, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.name(prefix), MaxKeys: aws.Int32(int32(min(limit, 1000)))}
	if after != "" {
		in.StartAfter = s.name(after)
	}
	out, err := s.client.ListObjectsV2(ctx, in, newPatience(0).within)
	if err != nil {
		return nil, false, failure(ctx, "list", prefix, err)
	}
	for _, o := range out.Contents {
		key := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
		if key <= after && after != "" {
			return nil, false, fmt.Errorf("list objects: the service answered %q after %q", key, after)
		}
		page = append(page, blob.Info{Key: key, Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified)})
	}
	return page, aws.ToBool(out.IsTruncated), nil
}
