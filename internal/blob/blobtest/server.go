package blobtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/cache"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/testhub/program"
)

// Each runs a test on an empty store of each kind.
func Each(t *testing.T, test func(t *testing.T, s blob.Store)) {
	t.Helper()
	t.Run("fs", func(t *testing.T) { test(t, FS(t)) })
	t.Run("s3", func(t *testing.T) { test(t, NewS3(t)) })
}

// FS opens an empty store in a folder of the test's.
func FS(t testing.TB) blob.Store {
	t.Helper()
	s, err := fs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// NewS3 opens an empty store in a bucket of the test's.
func NewS3(t testing.TB) blob.Store {
	t.Helper()
	s, err := s3.New(context.Background(), S3(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// NewCached opens an empty store in a bucket of the test's, with a cache of 50 MB before it.
func NewCached(t testing.TB) *cache.Store {
	t.Helper()
	return Cached(t, S3(t), 50_000_000)
}

// Cached opens a store with a cache of some bytes before it.
func Cached(t testing.TB, o s3.Options, bytes int64) *cache.Store {
	t.Helper()
	s, err := s3.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(s, cache.Options{Dir: filepath.Join(t.TempDir(), "objects"), Bytes: bytes})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// S3 makes a fresh bucket on a real S3 server, which it starts when need be.
func S3(t testing.TB) s3.Options {
	t.Helper()
	g, err := sharedGateway()
	if err != nil {
		t.Fatalf("start an S3 server for the tests: %v", err)
	}
	o := g.options
	o.Bucket, o.Prefix, o.TempDir = fmt.Sprintf("test-%d", g.last.Add(1)), "some/prefix", t.TempDir()
	if err := createBucket(o); err != nil {
		t.Fatal(err)
	}
	return o
}

type gateway struct {
	options s3.Options
	last    atomic.Int64
	leash   io.Closer // the watchdog's input: collected as garbage it would close and end the server
}

var sharedGateway = sync.OnceValues(startGateway)

// watchdog stops the server when its input ends, which happens when the test process ends, in whatever way.
const watchdog = `
"$1" --access cairn --secret cairn-secret --region us-east-1 --port "$3" --quiet posix "$2/data" >"$2/log" 2>&1 &
read -r _
kill -KILL $!
wait $!
rm -rf "$2"
`

func startGateway() (*gateway, error) {
	bin, err := program.S3.Path()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cairn-s3-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	guard := exec.Command("/bin/sh", "-c", watchdog, "watchdog", bin, dir, address)
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	leash, err := guard.StdinPipe() // never written, closed by the end of this process
	if err != nil {
		return nil, err
	}
	if err := guard.Start(); err != nil {
		return nil, err
	}
	g := &gateway{leash: leash, options: s3.Options{
		Endpoint: "http://" + address, Region: "us-east-1", AccessKey: "cairn", SecretKey: "cairn-secret",
	}}
	return g, await(address, filepath.Join(dir, "log"))
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func await(address, log string) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(log)
			return fmt.Errorf("versitygw does not answer: %w\n%s", err, said)
		}
	}
}

func createBucket(o s3.Options) error {
	client := awss3.New(awss3.Options{
		Region: o.Region, BaseEndpoint: aws.String(o.Endpoint), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, ""),
	})
	_, err := client.CreateBucket(context.Background(), &awss3.CreateBucketInput{Bucket: &o.Bucket})
	if err != nil {
		return fmt.Errorf("create the test's bucket: %w", err)
	}
	return nil
}
