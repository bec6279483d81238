package s3_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/errs"
)

func TestContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return blobtest.NewS3(t) })
}

func TestWrongSettings(t *testing.T) {
	ctx := context.Background()
	for _, change := range []func(*s3.Options){
		func(o *s3.Options) { o.SecretKey = "wrong" },
		func(o *s3.Options) { o.Bucket = "no-such-bucket" },
	} {
		o := blobtest.S3(t)
		change(&o)
		s, err := s3.New(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(ctx); err == nil || errs.Is(err, errs.NotFound) {
			t.Error(err)
		}
	}
}

func TestParseURL(t *testing.T) {
	got, err := s3.ParseURL("s3://bucket/a/b/?endpoint=http://127.0.0.1:9000&region=eu&access_key=k&secret_key=s%2Fs")
	want := s3.Options{Endpoint: "http://127.0.0.1:9000", Region: "eu", Bucket: "bucket", Prefix: "a/b", AccessKey: "k", SecretKey: "s/s"}
	if err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "s3:///x", "http://b", "s3://b?endpoint=localhost:9000", "s3://b?secret=hush", "s3://b?secret_key=hush&\x7f"} {
		if _, err := s3.ParseURL(bad); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestPresignedURLs run out, and give one range.
func TestPresignedURLs(t *testing.T) {
	o := blobtest.S3(t)
	o.Public = o.Endpoint
	s, err := s3.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	body := blobtest.Bytes(1000)
	if err := blob.PutBytes(t.Context(), s, "a/b", body); err != nil {
		t.Fatal(err)
	}
	get := func(from time.Time, ranges string) (int, []byte) {
		address, err := s.Presign(t.Context(), "a/b", 100, 50, from, 15*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Range", ranges)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, got
	}
	if status, got := get(time.Now().Add(-10*time.Minute), "bytes=100-149"); status != http.StatusPartialContent || !bytes.Equal(got, body[100:150]) {
		t.Error(status, len(got))
	}
	if status, _ := get(time.Now().Add(-16*time.Minute), "bytes=100-149"); status != http.StatusForbidden {
		t.Error("after its end:", status)
	}
	if status, _ := get(time.Now(), "bytes=100-150"); status != http.StatusForbidden {
		t.Error("another range:", status)
	}
	for _, r := range [][2]int64{{0, 0}, {-1, 5}, {5, -1}} {
		if _, err := s.Presign(t.Context(), "a/b", r[0], r[1], time.Now(), time.Minute); err == nil {
			t.Error(r)
		}
	}
}
