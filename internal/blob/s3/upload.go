package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/spool"
	"github.com/cairnhub/cairn/internal/tempfile"
)

const (
	wholeUpTo = 64 << 20
	partSize  = 16 << 20
	maxParts  = 9000 // the protocol's limit is 10,000
	parallel  = 4
)

type upload struct {
	*spool.File
	store *Store
	done  bool
}

// Create starts an object. Its temporary file has no name, so nothing is left when the process dies. It stays in the page
// cache, since it is read back at once.
func (s *Store) Create(ctx context.Context) (blob.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &upload{File: spool.New(s.createFile, nil), store: s}, nil
}

func (s *Store) createFile() (*os.File, error) { return tempfile.New(s.temp) }

// Commit sends the object: the service makes it visible when it has all of it.
func (u *upload) Commit(ctx context.Context, key string) error {
	if err := blob.ValidKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if u.done {
		return errors.New("commit of an upload that has ended")
	}
	defer u.Abort()
	if u.Size() > wholeUpTo {
		f, err := u.Finish()
		if err != nil {
			return err
		}
		return u.store.putParts(ctx, key, f, u.Size())
	}
	return u.store.putWhole(ctx, key, io.NewSectionReader(u, 0, u.Size()))
}

// Abort drops the upload.
func (u *upload) Abort() error {
	u.done = true
	u.Close()
	return nil
}

func (s *Store) putWhole(ctx context.Context, key string, body *io.SectionReader) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.name(key), Body: body, ContentLength: aws.Int64(body.Size()),
	})
	if err != nil {
		return failure(ctx, "put", key, err)
	}
	return nil
}

func (s *Store) putParts(ctx context.Context, key string, file io.ReaderAt, size int64) error {
	start, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &s.bucket, Key: s.name(key)})
	if err != nil {
		return failure(ctx, "start multipart", key, err)
	}
	parts, err := s.sendParts(ctx, key, start.UploadId, file, size)
	if err == nil {
		_, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.bucket, Key: s.name(key), UploadId: start.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		if err != nil {
			err = s.completed(ctx, key, size, err)
		}
	}
	if err != nil {
		s.abandon(ctx, key, start.UploadId)
		return failure(ctx, "put", key, err)
	}
	return nil
}

// completed forgives a completion that was done but whose answer was lost: the retry finds no such upload.
func (s *Store) completed(ctx context.Context, key string, size int64, err error) error {
	if code(err) != "NoSuchUpload" {
		return err
	}
	if info, statErr := s.Stat(ctx, key); statErr == nil && info.Size == size {
		return nil
	}
	return err
}

func (s *Store) sendParts(ctx context.Context, key string, id *string, file io.ReaderAt, size int64) ([]types.CompletedPart, error) {
	step := max(int64(partSize), (size/maxParts+1<<20)&^(1<<20-1))
	parts := make([]types.CompletedPart, (size+step-1)/step)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range parts {
		group.Go(func() error {
			off, number := int64(i)*step, aws.Int32(int32(i+1))
			n := min(step, size-off)
			out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &s.bucket, Key: s.name(key), UploadId: id, PartNumber: number,
				Body: io.NewSectionReader(file, off, n), ContentLength: aws.Int64(n),
			})
			if err != nil {
				return fmt.Errorf("part %d: %w", i+1, err)
			}
			parts[i] = types.CompletedPart{ETag: out.ETag, PartNumber: number}
			return nil
		})
	}
	return parts, group.Wait()
}

// abandon frees the parts that were sent; what it cannot free, the bucket's lifecycle rule should.
func (s *Store) abandon(ctx context.Context, key string, id *string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, _ = s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.name(key), UploadId: id})
}
