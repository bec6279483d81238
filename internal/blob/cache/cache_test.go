package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// memory is a Source of one's own making: package blobtest, which has the real ones, imports this package. It counts what
// it sends. The suite and the tests in herd_test.go run before a real S3 server.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	version map[string]string
	opened  int
	sent    int64
	gate    chan struct{} // if set, reads wait for it
	fail    error
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}, version: map[string]string{}} }

func (m *memory) put(key string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = body
	m.version[key] += "x"
}

func (m *memory) OpenPart(_ context.Context, key string, off, n int64) (*blob.Part, error) {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	body, ok := m.objects[key]
	if m.fail != nil {
		return nil, m.fail
	}
	if !ok {
		return nil, blob.NotFound(key)
	}
	if off >= int64(len(body)) {
		return nil, io.ErrUnexpectedEOF
	}
	part := body[off:min(off+n, int64(len(body)))]
	m.sent += int64(len(part))
	return &blob.Part{ReadCloser: io.NopCloser(bytes.NewReader(part)), Size: int64(len(body)), Version: m.version[key]}, nil
}

func (m *memory) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if n < 0 {
		n = 1 << 40
	}
	p, err := m.OpenPart(ctx, key, off, n)
	if err != nil {
		return nil, err
	}
	return p, nil
}
func (m *memory) Create(context.Context) (blob.Upload, error) { return nil, errors.ErrUnsupported }
func (m *memory) Stat(context.Context, string) (blob.Info, error) {
	return blob.Info{}, errors.ErrUnsupported
}
func (m *memory) Delete(context.Context, string) error                           { return nil }
func (m *memory) List(context.Context, string, string, int) ([]blob.Info, error) { return nil, nil }
func (m *memory) Check(context.Context) error                                    { return nil }

func (m *memory) counted() (opened int, sent int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened, m.sent
}

func (c *Store) remembered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.objects)
}

func open(t *testing.T, m *memory, dir string, bytes int64) *Store {
	t.Helper()
	c, err := New(m, Options{Dir: dir, Bytes: bytes, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func random(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func read(t *testing.T, c *Store, key string, off, n int64) []byte {
	t.Helper()
	r, err := c.Open(t.Context(), key, off, n)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// eventually waits for what happens in the background.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain:", what)
		}
	}
}

func TestEveryRangeAtEveryBorder(t *testing.T) {
	m := newMemory()
	body := random(1, 3*blockSize+pageSize+5)
	m.put("x", body)
	c := open(t, m, t.TempDir(), 100<<20)
	size := int64(len(body))
	var edges []int64
	for _, at := range []int64{0, pageSize, blockSize, 2 * blockSize, 3 * blockSize, 3*blockSize + pageSize, size} {
		for d := int64(-1); d <= 1; d++ {
			if at+d >= 0 && at+d <= size {
				edges = append(edges, at+d)
			}
		}
	}
	for _, from := range edges {
		for _, to := range edges {
			if from < to && !bytes.Equal(read(t, c, "x", from, to-from), body[from:to]) {
				t.Fatal("bytes", from, "to", to)
			}
		}
	}
	if _, sent := m.counted(); sent != size {
		t.Errorf("fetched %d bytes for an object of %d", sent, size)
	}
	if _, err := c.Open(t.Context(), "none", 0, 5); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	if n := c.remembered(); n != 1 {
		t.Error(n, "objects are remembered, one is there")
	}
}

// TestOneFetchOutlivesItsFirstCaller has the one leave that asked first.
func TestOneFetchOutlivesItsFirstCaller(t *testing.T) {
	m := newMemory()
	m.gate = make(chan struct{})
	body := random(1, 2*blockSize)
	m.put("x", body)
	c := open(t, m, t.TempDir(), 100<<20)
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := c.Open(ctx, "x", 0, -1); first <- err }()
	eventually(t, "the fetch", func() bool { return c.remembered() == 1 })
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() {
			r, err := c.Open(t.Context(), "x", 0, -1)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
				t.Error(len(got), err)
			}
		})
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(m.gate)
	others.Wait()
	if opened, sent := m.counted(); opened != 1 || sent != int64(len(body)) {
		t.Errorf("%d fetches of %d bytes", opened, sent)
	}
}

// TestRottenBlocksAreNeverServed flips one bit in each file, at any place, and cuts some short.
func TestRottenBlocksAreNeverServed(t *testing.T) {
	m := newMemory()
	body := random(1, 2*blockSize+1000)
	m.put("x", body)
	dir := t.TempDir()
	c := open(t, m, dir, 100<<20)
	read(t, c, "x", 0, -1)
	for round := range 60 {
		for _, path := range files(t, dir) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if at := rand.IntN(len(b)); round%10 == 9 {
				b = b[:at]
			} else {
				b[at] ^= 1 << rand.IntN(8)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(read(t, c, "x", 0, -1), body) {
			t.Fatal("wrong bytes in round", round)
		}
	}
	if n := c.Counters().Rotten; n != 180 {
		t.Errorf("%d of 180 damaged blocks were noticed", n)
	}
}

func TestFolderEmptiedUnderReaders(t *testing.T) {
	m := newMemory()
	body := random(1, 12*blockSize)
	m.put("x", body)
	dir := t.TempDir()
	c := open(t, m, dir, 100<<20)
	r, err := c.Open(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got bytes.Buffer
	for got.Len() < len(body) {
		if _, err := io.CopyN(&got, r, blockSize/2); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue // a fetch has just put a file there
		}
	}
	if !bytes.Equal(got.Bytes(), body) {
		t.Fatal("wrong bytes")
	}
	if !bytes.Equal(read(t, c, "x", 0, -1), body) {
		t.Fatal("wrong bytes")
	}
}

func TestReplacedObjects(t *testing.T) {
	m := newMemory()
	old, now := random(1, 20*blockSize), random(2, 21*blockSize)
	m.put("x", old)
	c := open(t, m, t.TempDir(), 100<<20)
	if !bytes.Equal(read(t, c, "x", 0, 100), old[:100]) {
		t.Fatal("wrong bytes")
	}
	r, err := c.Open(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m.put("x", now)
	if got, err := io.ReadAll(r); err == nil || !bytes.HasPrefix(old, got) {
		t.Errorf("%d bytes of two objects, %v", len(got), err)
	}
	if !bytes.Equal(read(t, c, "x", 0, -1), now) {
		t.Error("the old object is still served")
	}
	m.put("x", old)
	c.Forget("x")
	if !bytes.Equal(read(t, c, "x", 0, -1), old) {
		t.Error("a forgotten object is still served")
	}
}

func TestStaysWithinItsBytesAndSurvivesRestarts(t *testing.T) {
	m := newMemory()
	dir := t.TempDir()
	const room = 10 << 20
	c := open(t, m, dir, room)
	keys := []string{"a", "b", "c", "d", "e"}
	for i, key := range keys {
		m.put(key, random(byte(i), 4*blockSize))
		read(t, c, key, 0, -1)
	}
	onDisk := func() (sum int64) {
		for _, path := range files(t, dir) {
			info, err := os.Stat(path)
			if err == nil {
				sum += info.Size()
			} else if !errors.Is(err, fs.ErrNotExist) { // it may just have made room
				t.Fatal(err)
			}
		}
		return sum
	}
	if n := onDisk(); n > room || n < room/2 || n != c.Counters().Bytes {
		t.Errorf("%d bytes on the disk, %d counted, room for %d", n, c.Counters().Bytes, room)
	}
	again := open(t, m, dir, room)
	eventually(t, "the blocks of before", func() bool { return again.Counters().Bytes == onDisk() })
	_, before := m.counted()
	got := read(t, again, "e", 0, -1)
	if _, sent := m.counted(); !bytes.Equal(got, m.objects["e"]) || sent != before {
		t.Errorf("%d bytes were fetched of an object that was there", sent-before)
	}
	small := open(t, m, dir, room/4)
	eventually(t, "less", func() bool { return onDisk() <= room/4 })
	if !bytes.Equal(read(t, small, "a", 0, -1), m.objects["a"]) {
		t.Error("wrong bytes")
	}
}

// TestBrokenFetchesGo: the next process removes what one that was killed was fetching, and leaves what another is still at.
func TestBrokenFetchesGo(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "fetch-1")
	if err := os.WriteFile(dead, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := tempfile.Named(dir, temporaryPattern)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	open(t, newMemory(), dir, 1<<20)
	eventually(t, "the broken fetch to go", func() bool {
		_, err := os.Stat(dead)
		return errors.Is(err, fs.ErrNotExist)
	})
	if _, err := os.Stat(alive.Name()); err != nil {
		t.Error("a fetch of another process:", err)
	}
}

// TestFailuresPass has the source fail: who waits hears of it, and the next one asks again.
func TestFailuresPass(t *testing.T) {
	m := newMemory()
	body := random(1, blockSize)
	m.put("x", body)
	c := open(t, m, t.TempDir(), 100<<20)
	m.fail = errs.New(errs.Unavailable, "down")
	if _, err := c.Open(t.Context(), "x", 0, -1); !errs.Is(err, errs.Unavailable) {
		t.Fatal(err)
	}
	m.fail = nil
	if !bytes.Equal(read(t, c, "x", 0, -1), body) {
		t.Fatal("wrong bytes")
	}
}

// TestManyAtRandom reads with little room, while blocks rot and objects are forgotten.
func TestManyAtRandom(t *testing.T) {
	m := newMemory()
	keys := []string{"a", "b", "c"}
	for i, key := range keys {
		m.put(key, random(byte(i), (2+3*i)*blockSize+12345))
	}
	dir := t.TempDir()
	c := open(t, m, dir, 6<<20)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 40 {
				key := keys[rand.IntN(len(keys))]
				body := m.objects[key]
				off := rand.Int64N(int64(len(body)))
				n := 1 + rand.Int64N(int64(len(body))-off)
				switch rand.IntN(20) {
				case 0:
					c.Forget(key)
				case 1:
					_ = os.RemoveAll(filepath.Join(dir, (&block{object: &object{id: idOf(key)}}).name()[:2]))
				}
				r, err := c.Open(t.Context(), key, off, n)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(r)
				if e := r.Close(); e != nil {
					t.Error(e)
				}
				if err != nil || !bytes.Equal(got, body[off:off+n]) {
					t.Errorf("%s %d+%d: %d bytes, %v", key, off, n, len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := c.readers.Load(); n != 0 {
		t.Error(n, "readers are left")
	}
}
