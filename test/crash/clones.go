package crash

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// Clones is a history of files that do not compress, and clients who clone it at once.
type Clones struct {
	Files   int // one commit each
	Size    int // bytes of a file
	Clients int
}

// Run pushes the history and has it cloned: as clones usually are, and in a form for which git runs for each client. It
// gives the highest figures of each and says in the log what they are.
func (c Clones) Run(t *testing.T, h *Hub) (push, together, apart Peaks) {
	t.Helper()
	const repo = "history"
	if a := NewClient(h).CreateRepo(repo); !a.OK() {
		t.Fatal(a)
	}
	dir := filepath.Join(t.TempDir(), "work")
	tip := c.make(t, dir)
	total := int64(c.Files) * int64(c.Size)
	address := strings.Replace(h.URL, "://", "://"+url.UserPassword("admin", h.Token).String()+"@", 1) + "/admin/" + repo
	end, begun := h.WatchAll(), time.Now()
	run(t, dir, "push", "-q", "--force", address, "main")
	push = end()
	t.Logf("a push of %d MB in %.1f s: %s", total/1e6, time.Since(begun).Seconds(), push)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	h.Kill() // what the push took is not counted
	h.MustStart(t)
	together = c.clone(t, h, repo, tip, "")
	apart = c.clone(t, h, repo, tip, "deepen 1000000\n") // a shallow clone that is deep enough
	return push, together, apart
}

func (c Clones) clone(t *testing.T, h *Hub, repo, tip, option string) Peaks {
	t.Helper()
	total := int64(c.Files) * int64(c.Size)
	end, begun := h.WatchAll(), time.Now()
	var wg sync.WaitGroup
	for n := range c.Clients {
		wg.Go(func() {
			got, err := h.fetchPack(repo, tip, option)
			if err != nil || got < total {
				t.Errorf("client %d got %d of %d bytes: %v", n, got, total, err)
			}
		})
	}
	wg.Wait()
	p, took := end(), time.Since(begun)
	t.Logf("%d clients clone %d MB at once %sin %.1f s (%.0f MB/s): %s", c.Clients, total/1e6, strings.Replace(option, "\n", ": ", 1), took.Seconds(),
		float64(c.Clients)*float64(total)/1e6/took.Seconds(), p)
	return p
}

// make writes the history with git fast-import and gives its last commit.
func (c Clones) make(t *testing.T, dir string) string {
	t.Helper()
	run(t, "/", "init", "-q", "-b", "main", dir)
	for _, key := range []string{"core.compression", "pack.compression", "core.looseCompression"} {
		run(t, dir, "config", key, "0")
	}
	run(t, dir, "config", "pack.window", "0")
	cmd := exec.CommandContext(t.Context(), "git", "-C", dir, "fast-import", "--quiet", "--depth=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(in, 1<<20)
	for i := range c.Files {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\n.\nM 100644 inline dir%d/file%d\ndata %d\n", 1_700_000_000+i, i%7, i, c.Size)
		if _, err := io.CopyN(w, xetstoretest.Stream(uint64(i)), int64(c.Size)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "\n")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return run(t, dir, "rev-parse", "main")
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// fetchPack asks for a commit's history as git clone does, counts the pack's bytes and checks its checksum.
func (h *Hub) fetchPack(repo, tip, option string) (int64, error) {
	pkt := func(s string) string {
		if s == "" {
			return ""
		}
		return fmt.Sprintf("%04x%s", len(s)+4, s)
	}
	body := pkt("command=fetch") + pkt("object-format=sha1") + "0001" + pkt("ofs-delta") + pkt("no-progress") + pkt("want "+tip+"\n") + pkt(option) + pkt("done\n") + "0000"
	req, err := http.NewRequest(http.MethodPost, h.URL+"/admin/"+repo+"/git-upload-pack", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth("admin", h.Token)
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", "version=2")
	resp, err := manyConnections.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	return checkPack(bufio.NewReaderSize(resp.Body, 128<<10))
}

var manyConnections = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// checkPack reads the packets of an answer to a fetch.
func checkPack(r io.Reader) (int64, error) {
	sum, trailer := sha1.New(), []byte(nil)
	var size int64
	buf := make([]byte, 65520)
	for {
		if _, err := io.ReadFull(r, buf[:4]); err != nil {
			return size, err
		}
		n, err := strconv.ParseInt(string(buf[:4]), 16, 32)
		if err != nil {
			return size, err
		}
		if n == 0 {
			break
		}
		line := buf[:max(n-4, 0)]
		if _, err := io.ReadFull(r, line); err != nil {
			return size, err
		}
		if len(line) == 0 || line[0] != 1 {
			if len(line) > 0 && line[0] == 3 {
				return size, fmt.Errorf("the hub says %s", line[1:])
			}
			continue // a section's head, progress
		}
		size += int64(len(line) - 1)
		trailer = append(trailer, line[1:]...) // all but the last 20 bytes are summed up
		if len(trailer) > 20 {
			sum.Write(trailer[:len(trailer)-20])
			trailer = append(trailer[:0], trailer[len(trailer)-20:]...)
		}
	}
	if !bytes.Equal(sum.Sum(nil), trailer) || size < 32 {
		return size, fmt.Errorf("the checksum of a pack of %d bytes does not fit", size)
	}
	return size, nil
}
