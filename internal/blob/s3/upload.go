package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/spool"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/tempfile"
)

const (
	wholeUpTo = 64 << 20
	partSize  = 16 << 20
	maxParts  = 9000 // the protocol's limit is 10,000
	parallel  = 4

	puts      = 3                // of an object that the service does not show as it was sent
	visibleIn = 10 * time.Second // is it to be, after it was sent
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type upload struct {
	*spool.File
	store *Store
	sum   uint32 // CRC32C of what was written
	done  bool
}

func (u *upload) Write(p []byte) (int, error) {
	n, err := u.File.Write(p)
	u.sum = crc32.Update(u.sum, castagnoli, p[:n])
	return n, err
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
	send := func() (*string, error) { return u.store.putWhole(ctx, key, io.NewSectionReader(u, 0, u.Size()), u.sum) }
	if u.Size() > wholeUpTo {
		f, err := u.Finish()
		if err != nil {
			return err
		}
		send = func() (*string, error) { return u.store.putParts(ctx, key, f, u.Size()) }
	}
	return u.commit(ctx, key, send)
}

// commit sends until the service shows what was sent.
func (u *upload) commit(ctx context.Context, key string, send func() (etag *string, err error)) error {
	for try := 1; ; try++ {
		etag, err := send()
		if err == nil {
			err = u.confirm(ctx, key, etag)
		}
		if err == nil || try == puts || !errors.Is(err, errDiffers) {
			return err
		}
	}
}

// errDiffers is an object that is not what was sent.
var errDiffers = errors.New("what is stored is not what was sent")

// confirm waits until the service shows the object: one that lags behind its own answers would make a row that names the
// object point to nothing. Services that keep the checksum tell that, too. Another version than the one that was sent is
// that of somebody who has stored the same at the same time: one of the two stays.
func (u *upload) confirm(ctx context.Context, key string, etag *string) error {
	var sum *string
	if u.Size() <= wholeUpTo {
		sum = checksum(u.sum)
	}
	for end, pause := time.Now().Add(visibleIn), 50*time.Millisecond; ; pause = min(2*pause, time.Second) {
		o, err := u.store.head(ctx, key)
		ours := err == nil && (etag == nil || o.ETag == nil || *etag == *o.ETag)
		size, got := aws.ToInt64(o.ContentLength), o.ChecksumCRC32C
		if ours && (size != u.Size() || sum != nil && got != nil && *sum != *got) {
			err = &errs.Error{Kind: errs.Unavailable, Msg: "The server's storage does not keep what it is sent, try again", Op: "blob",
				Err: fmt.Errorf("S3: %q has %d bytes of %d: %w", key, size, u.Size(), errDiffers)}
		}
		if !errs.Is(err, errs.NotFound) {
			return err
		}
		if time.Now().After(end) {
			return &errs.Error{Kind: errs.Unavailable, Msg: "The server's storage does not show what it was sent, try again", Op: "blob", Err: err}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// checksum is a CRC32C as the protocol has it.
func checksum(sum uint32) *string {
	return aws.String(base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)))
}

// Abort drops the upload.
func (u *upload) Abort() error {
	u.done = true
	u.Close()
	return nil
}

func (s *Store) putWhole(ctx context.Context, key string, body *io.SectionReader, sum uint32) (etag *string, err error) {
	p := newPatience(0)
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.name(key), Body: &movingBody{body, p}, ContentLength: aws.Int64(body.Size()), ChecksumCRC32C: checksum(sum),
	}, p.within)
	if err != nil {
		return nil, failure(ctx, "put", key, err)
	}
	return out.ETag, nil
}

func (s *Store) putParts(ctx context.Context, key string, file io.ReaderAt, size int64) (etag *string, err error) {
	start, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: s.name(key), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeComposite,
	}, newPatience(0).within)
	if err != nil {
		return nil, failure(ctx, "start multipart", key, err)
	}
	parts, err := s.sendParts(ctx, key, start.UploadId, file, size)
	if err == nil {
		var out *s3.CompleteMultipartUploadOutput
		out, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.bucket, Key: s.name(key), UploadId: start.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}, newPatience(0).within)
		if err == nil {
			return out.ETag, nil
		}
		err = s.completed(ctx, key, size, err)
	}
	if err != nil {
		s.abandon(ctx, key, start.UploadId)
		return nil, failure(ctx, "put", key, err)
	}
	return nil, nil
}

// completed forgives a completion that was done but whose answer was lost: the retry finds no such upload.
func (s *Store) completed(ctx context.Context, key string, size int64, err error) error {
	switch code(err) {
	case "InvalidPart", "InvalidPartOrder": // an answer on the way named a part wrongly
		return fmt.Errorf("%w: %w", errDiffers, err)
	case "NoSuchUpload":
		if info, statErr := s.Stat(ctx, key); statErr == nil && info.Size == size {
			return nil
		}
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
			off := int64(i) * step
			part, err := s.sendPart(ctx, key, id, int32(i+1), io.NewSectionReader(file, off, min(step, size-off)))
			if err != nil {
				return fmt.Errorf("part %d: %w", i+1, err)
			}
			parts[i] = part
			return nil
		})
	}
	return parts, group.Wait()
}

func (s *Store) sendPart(ctx context.Context, key string, id *string, number int32, body *io.SectionReader) (types.CompletedPart, error) {
	h := crc32.New(castagnoli)
	if _, err := io.Copy(h, body); err != nil {
		return types.CompletedPart{}, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return types.CompletedPart{}, err
	}
	sum, p := checksum(h.Sum32()), newPatience(0)
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: s.name(key), UploadId: id, PartNumber: &number,
		Body: &movingBody{body, p}, ContentLength: aws.Int64(body.Size()), ChecksumCRC32C: sum,
	}, p.within)
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumCRC32C: out.ChecksumCRC32C}, nil
}

// abandon frees the parts that were sent; what it cannot free, AbortLeftovers does some day.
func (s *Store) abandon(ctx context.Context, key string, id *string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_, _ = s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.name(key), UploadId: id})
}
