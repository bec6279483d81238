package s3_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/errs"
)

func TestContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return blobtest.NewS3(t) })
}

// TestFaults puts a proxy in between that refuses three requests in ten and cuts half of the downloads short.
func TestFaults(t *testing.T) {
	ctx := context.Background()
	o := blobtest.S3(t)
	target, _ := url.Parse(o.Endpoint)
	var requests atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method == http.MethodGet && requests.Load()%2 == 0 && r.ContentLength > 1000 {
				r.Body = io.NopCloser(io.LimitReader(r.Body, r.ContentLength/2)) // the announced length stays
			}
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := requests.Add(1); n%10 < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	o.Endpoint = server.URL
	s, err := s3.New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	body := blobtest.Bytes(200_000)
	for range 12 {
		if err := blob.PutBytes(ctx, s, "x", body); err != nil {
			t.Fatal(err)
		}
		got, err := blob.GetBytes(ctx, s, "x", 1<<20)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatal(len(got), err)
		}
	}
	server.Close()
	if _, err := s.Stat(ctx, "x"); !errs.Is(err, errs.Unavailable) {
		t.Fatal(err)
	}
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
