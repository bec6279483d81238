//go:build torture

package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
	"github.com/cairnhub/cairn/test/crash"
)

// memoryBound is what the server may hold, whatever clients do: 300 MB.
const memoryBound = 300_000_000

const fileSize = 5_000_000_000

// client is the real hf command, installed by test/setup.sh clients.
type client struct {
	t    *testing.T
	path string
	env  []string
	work string
}

func newClient(t *testing.T, h *crash.Hub, work string) *client {
	path := os.Getenv("CAIRN_TORTURE_HF")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(cache, "cairn-test", "python", "bin", "hf")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the hf command is missing: run test/setup.sh clients, or name it in CAIRN_TORTURE_HF (%v)", err)
	}
	env := append(os.Environ(), "HF_ENDPOINT="+h.URL, "HF_TOKEN="+h.Token, "HF_HOME="+filepath.Join(work, "hf"), "HF_HUB_DISABLE_PROGRESS_BARS=1", "HF_HUB_DISABLE_UPDATE_CHECK=1")
	return &client{t, path, env, work}
}

func (c *client) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Env = append(append([]string(nil), c.env...), env...)
	cmd.Dir = c.work
	return cmd
}

func (c *client) run(env []string, args ...string) {
	c.t.Helper()
	if out, err := c.command(context.Background(), env, args...).CombinedOutput(); err != nil {
		c.t.Fatalf("hf %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestFiveGigabytes takes a file of 5 GB up and down by the real client, by Xet and by plain requests, whole and resumed.
func TestFiveGigabytes(t *testing.T) {
	work := t.TempDir()
	h := crash.NewHub(t, filepath.Join(work, "data"))
	h.MustStart(t)
	hf := newClient(t, h, work)
	source := filepath.Join(work, "big.bin")
	want := writeRandom(t, source, fileSize)
	hf.run(nil, "repos", "create", "admin/big")

	measure(t, h, "up by hf with Xet", func() { hf.run(nil, "upload", "admin/big", source, "big.bin") })
	measure(t, h, "up again, nothing new", func() { hf.run(nil, "upload", "admin/big", source, "again.bin") })
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	arrived := func(dir string) {
		t.Helper()
		if got := hashFile(t, filepath.Join(work, dir, "big.bin")); got != want {
			t.Errorf("%s: the file came back different", dir)
		}
		_ = os.RemoveAll(filepath.Join(work, dir))
		_ = os.RemoveAll(filepath.Join(work, "hf"))
	}
	measure(t, h, "down by hf with Xet", func() { hf.run(nil, "download", "admin/big", "big.bin", "--local-dir", "xet") })
	arrived("xet")

	plain := []string{"HF_HUB_DISABLE_XET=1"}
	measure(t, h, "down by hf without Xet, killed on the way and resumed", func() {
		hf.interrupt(plain, "plain", "download", "admin/big", "big.bin", "--local-dir", "plain")
		hf.run(plain, "download", "admin/big", "big.bin", "--local-dir", "plain")
	})
	arrived("plain")

	measure(t, h, "down by plain GET, cut twice and resumed by Range", func() {
		if got := resumed(t, h, "/admin/big/resolve/main/big.bin", fileSize/3, fileSize/2+1); got != want {
			t.Error("a resumed download differs")
		}
	})
}

// interrupt kills a download when a quarter of the file has come.
func (c *client) interrupt(env []string, dir string, args ...string) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cmd := c.command(ctx, env, args...)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			c.t.Fatalf("the download ended before it could be cut: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if n := folderSize(filepath.Join(c.work, dir)); n > fileSize/4 {
			stop()
			<-ended
			c.t.Logf("killed after %d MB", n/1e6)
			return
		}
	}
}

func folderSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// resumed downloads a file in pieces: each connection is dropped at a cut, and the next asks for the rest.
func resumed(t *testing.T, h *crash.Hub, path string, cuts ...int64) string {
	sum := sha256.New()
	var at int64
	for _, until := range append(cuts, -1) {
		req, err := http.NewRequest(http.MethodGet, h.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+h.Token)
		if at > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = resp.Body
		if until >= 0 {
			body = io.LimitReader(body, until-at)
		}
		n, err := io.Copy(sum, body)
		resp.Body.Close() // cuts the connection unless all was read
		if err != nil || resp.StatusCode >= 300 {
			t.Fatal(resp.Status, err)
		}
		at += n
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// measure runs something and fails if the server's memory passed the bound meanwhile.
func measure(t *testing.T, h *crash.Hub, what string, do func()) {
	t.Helper()
	end, begun := h.Watch(), time.Now()
	do()
	took := time.Since(begun)
	peak, highWater := end()
	t.Logf("%s: %.1f s, resident memory %d MB at most (kernel's mark since the start %d MB)", what, took.Seconds(), peak/1e6, highWater/1e6)
	if peak > memoryBound {
		t.Errorf("%s: the server held %d MB, more than %d", what, peak/1e6, memoryBound/1_000_000)
	}
}

func writeRandom(t *testing.T, path string, size int64) string {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if _, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(xetstoretest.Stream(5), size)); err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func hashFile(t *testing.T, path string) string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// TestLargeCommit streams a commit of small files whose body is far over 144 MB.
func TestLargeCommit(t *testing.T) {
	h := crash.NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	c := crash.NewClient(h)
	if a := c.CreateRepo("wide"); !a.OK() {
		t.Fatal(a)
	}
	const files, each = 60, 3_000_000 // 180 MB, 240 MB as base64
	body := &commitBody{files: files, each: each}
	measure(t, h, "a commit of 180 MB in 60 files", func() {
		if a := c.Do(http.MethodPost, "/api/models/admin/wide/commit/main", body, "Content-Type", "application/x-ndjson"); !a.OK() {
			t.Fatal(a)
		}
	})
	t.Logf("the body had %d MB", body.sent/1e6)
	for _, i := range []int{0, files / 2, files - 1} {
		a := c.Resolve("wide", "main", fmt.Sprintf("f%03d.txt", i))
		if !a.OK() || !bytes.Equal(a.Body, xetstoretest.Random(uint64(i), each)) {
			t.Errorf("file %d came back different: %d", i, a.Status)
		}
	}
	measure(t, h, "a commit on top", func() {
		if a := c.Commit("wide", "main", []crash.Change{{Path: "small", Data: []byte("x")}}); !a.OK() {
			t.Fatal(a)
		}
	})
}

// commitBody makes the lines of a commit while they are read.
type commitBody struct {
	files, each int
	next        int
	sent        int64
	buf         bytes.Buffer
}

func (b *commitBody) Read(p []byte) (int, error) {
	if b.buf.Len() == 0 {
		switch {
		case b.next > b.files:
			return 0, io.EOF
		case b.next == 0:
			b.buf.WriteString(`{"key":"header","value":{"summary":"wide"}}` + "\n")
		default:
			i := b.next - 1
			b.buf.Write(crash.Line(crash.Change{Path: fmt.Sprintf("f%03d.txt", i), Data: xetstoretest.Random(uint64(i), b.each)}))
		}
		b.next++
	}
	n, err := b.buf.Read(p)
	b.sent += int64(n)
	return n, err
}
