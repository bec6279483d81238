package s3_test

import (
	"context"
	"strings"
	"testing"

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
