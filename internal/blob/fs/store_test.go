package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
)

var ctx = context.Background()

func open(t *testing.T, root string) *Store {
	t.Helper()
	s, err := New(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + i>>16)
	}
	return b
}

func temporaries(t *testing.T, s *Store) int {
	t.Helper()
	entries, err := os.ReadDir(s.temporary())
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestLeftoversOfDeadProcessesGo(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	up, err := s.Create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if _, err := up.Write(pattern(1 << 20)); err != nil { // alive, however old
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"upload-old": time.Hour, "upload-young": 0} {
		path := filepath.Join(s.temporary(), name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-age)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(up.(*upload).name, old, old); err != nil {
		t.Fatal(err)
	}
	open(t, root)
	if n := temporaries(t, s); n != 1 {
		t.Fatal("temporary files left:", n)
	}
	if err := up.Commit(ctx, "x"); err != nil {
		t.Fatal(err)
	}
}

// TestUploadsBesideStarts makes temporary files while other stores open on the folder and remove what nobody holds.
func TestUploadsBesideStarts(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 300 {
			if _, err := New(root); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for n := 0; ; n++ {
		if err := blob.PutBytes(ctx, s, fmt.Sprint("x", n%10), pattern(300<<10)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			return
		default:
		}
	}
}

func TestSyncOrder(t *testing.T) {
	s := open(t, t.TempDir())
	var steps []string
	s.sync = func(f *os.File) error {
		name, _ := filepath.Rel(s.root, f.Name())
		if strings.HasPrefix(name, "tmp") {
			name = "upload"
		}
		_, err := os.Lstat(s.path("a/b/c"))
		steps = append(steps, fmt.Sprint(name, " ", err == nil))
		return f.Sync()
	}
	if err := blob.PutBytes(ctx, s, "a/b/c", []byte("x")); err != nil {
		t.Fatal(err)
	}
	want := "upload false, object false, object/a false, object/a/b true"
	if got := strings.Join(steps, ", "); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
	steps = nil
	if err := blob.PutBytes(ctx, s, "a/b/c", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps, ", "); got != "upload true, object/a/b true" {
		t.Fatal(got)
	}
}

func TestFailedSyncFailsCommit(t *testing.T) {
	s := open(t, t.TempDir())
	for failing := 1; failing <= 4; failing++ {
		n := 0
		s.sync = func(*os.File) error {
			if n++; n == failing {
				return syscall.EIO
			}
			return nil
		}
		key := fmt.Sprintf("%d/a/x", failing)
		up, err := s.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := up.Commit(ctx, key); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync %d failed, commit said %v", failing, err)
		}
		if err := up.Commit(ctx, key); err == nil {
			t.Error("a second try was believed")
		}
		if n := temporaries(t, s); n != 0 {
			t.Error("temporary files left:", n)
		}
	}
}

func TestDirectWritesAtOddSizes(t *testing.T) {
	s := open(t, t.TempDir())
	const mib = 1 << 20
	for _, size := range []int{8*mib - 1, 8 * mib, 8*mib + 1, 12 * mib, 12*mib + 1, 16*mib - 1, 24*mib + 4095, 40 * mib} {
		for _, step := range []int{999_983, 64 << 10, size} {
			body := pattern(size)
			up, err := s.Create(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for rest := body; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				if _, err := up.Write(rest[:min(step, len(rest))]); err != nil {
					t.Fatal(err)
				}
			}
			if err := up.Commit(ctx, "x"); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(s.path("x")); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("size %d in steps of %d: %d bytes, %v", size, step, len(got), err)
			}
		}
	}
}

// TestMoreUploadsThanBlocks keeps more large uploads open than may use direct I/O.
func TestMoreUploadsThanBlocks(t *testing.T) {
	s := open(t, t.TempDir())
	body := pattern(13<<20 + 1)
	var ups []blob.Upload
	for range 10 {
		up, err := s.Create(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer up.Abort()
		if _, err := up.Write(body); err != nil {
			t.Fatal(err)
		}
		ups = append(ups, up)
	}
	for i, up := range ups {
		key := fmt.Sprint("x", i)
		if err := up.Commit(ctx, key); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(s.path(key)); err != nil || !bytes.Equal(got, body) {
			t.Fatal(i, len(got), err)
		}
	}
}

func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=20m"); err != nil {
		t.Skip("mounting a small file system is not allowed here:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(root, 0) })
	s := open(t, root)
	kept := pattern(1 << 20)
	if err := blob.PutBytes(ctx, s, "kept", kept); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := blob.PutBytes(ctx, s, "x", pattern(30<<20)); !errs.Is(err, errs.StorageFull) {
			t.Fatal(err)
		}
		if n := temporaries(t, s); n != 0 {
			t.Fatal("temporary files left:", n)
		}
		if got, err := blob.GetBytes(ctx, s, "kept", 1<<21); err != nil || !bytes.Equal(got, kept) {
			t.Fatal(len(got), err)
		}
	}
	if err := blob.PutBytes(ctx, s, "x", pattern(5<<20)); err != nil {
		t.Fatal("writes do not resume:", err)
	}
}

// TestRangeReachesSocketsWhole goes the way of sendfile.
func TestRangeReachesSocketsWhole(t *testing.T) {
	s := open(t, t.TempDir())
	body := pattern(3 << 20)
	if err := blob.PutBytes(ctx, s, "x", body); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r, err := s.Open(ctx, "x", 1000, 2<<20)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		if n, err := io.Copy(conn, r); err != nil || n != 2<<20 {
			t.Error(n, err)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, body[1000:1000+2<<20]) {
		t.Fatal(len(got), err)
	}
}
