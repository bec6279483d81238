package crash

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// upload is a request with a body that a client may break off.
type upload struct {
	method, path, token string
	body                []byte
}

// TestCutUploads breaks uploads of every kind off at random bytes: nothing of them is kept, and nothing goes on waiting.
func TestCutUploads(t *testing.T) {
	cuts := 400
	if testing.Short() {
		cuts = 80
	}
	h := NewHub(t, filepath.Join(t.TempDir(), "data"))
	h.MustStart(t)
	c, l := NewClient(h), NewLedger()
	Setup(t, c, l)
	token, a := c.XetToken(repoLarge, "write")
	if !a.OK() {
		t.Fatal(a)
	}
	h.Metric("go_goroutines") // connections that stay open are there before the start of the count
	goroutines, files := h.Metric("go_goroutines"), h.Metric("process_open_fds")
	rng := rand.New(rand.NewPCG(3, 3))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 12)
	for i := range cuts {
		u := upload1(t, c, token, i, rng)
		at := rng.IntN(len(u.body))
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			if err := u.cut(h.URL, at, i%2 == 0); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	var left []string
	var g, f float64
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		left, _ = h.Temporaries()
		g, f = h.Metric("go_goroutines"), h.Metric("process_open_fds")
		if len(left) == 0 && g <= goroutines+5 && f <= files+5 {
			break
		}
	}
	t.Logf("%d uploads cut; goroutines %.0f before, %.0f after; descriptors %.0f before, %.0f after; temporary files %d", cuts, goroutines, g, files, f, len(left))
	if len(left) > 0 || g > goroutines+5 || f > files+5 {
		t.Error("something is left of uploads that were cut", left)
	}
	complain(t, 0, l.Check(c, true))
	complain(t, 0, c.Complaints())
	complain(t, 0, serverErrors(c))
	data := xetstoretest.Random(99, 2_000_000)
	if a := c.PutXet(t, repoLarge, data); !a.OK() {
		t.Errorf("uploads do not go on: %s", a)
	}
}

// upload1 is an upload of one of the kinds.
func upload1(t *testing.T, c *Client, token string, i int, rng *rand.Rand) upload {
	data := xetstoretest.Random(uint64(i), 50_000+rng.IntN(2_000_000))
	if i%20 == 0 {
		data = xetstoretest.Random(uint64(i), 20<<20) // goes past the page cache
	}
	switch i % 4 {
	case 0:
		x := (&xetstoretest.Client{}).Pack(t, data).Xorbs[0]
		return upload{http.MethodPost, "/v1/xorbs/default/" + x.Hash.String(), token, x.Body}
	case 1:
		return upload{http.MethodPost, "/v1/shards", token, (&xetstoretest.Client{}).Pack(t, data).Bytes()}
	case 2:
		href, a := c.LFSAddress(repoLarge, SHA(data), len(data))
		u, err := url.Parse(href)
		if href == "" || err != nil {
			t.Fatal(a, err)
		}
		return upload{http.MethodPut, u.RequestURI(), "", data}
	}
	var b strings.Builder
	b.WriteString(`{"key":"header","value":{"summary":"cut"}}` + "\n")
	for n := range 1 + rng.IntN(500) {
		fmt.Fprintf(&b, `{"key":"file","value":{"path":"cut/%d/%d","content":"%x","encoding":"utf-8"}}`+"\n", i, n, data[n*80:n*80+80])
	}
	return upload{http.MethodPost, api(reposSmall[0]) + "/commit/main", c.Token, []byte(b.String())}
}

// cut sends the first bytes of the body and hangs up: with an end of stream, or with a reset.
func (u upload) cut(hub string, at int, reset bool) error {
	conn, err := u.send(hub, at)
	if err != nil {
		return nil //nolint:nilerr // refused before the cut
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	return conn.Close()
}

// send writes the head of the request and the first bytes of its body.
func (u upload) send(hub string, at int) (net.Conn, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(hub, "http://"))
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n", u.method, u.path, len(u.body))
	if u.token != "" {
		fmt.Fprintf(w, "Authorization: Bearer %s\r\n", u.token)
	}
	if strings.Contains(u.path, "/commit/") {
		io.WriteString(w, "Content-Type: application/x-ndjson\r\n") //nolint:errcheck // seen by Flush
	}
	io.WriteString(w, "\r\n") //nolint:errcheck // the same
	_, _ = w.Write(u.body[:at])
	if err := w.Flush(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// serverErrors are the lines of the metrics that count answers of 5xx, other than for what is not built.
func serverErrors(c *Client) (wrong []string) {
	a := c.Do(http.MethodGet, "/metrics", nil)
	for _, line := range strings.Split(string(a.Body), "\n") {
		if strings.HasPrefix(line, "cairn_http_requests_total{") && strings.Contains(line, `status="5xx"`) && !strings.Contains(line, `"unserved"`) {
			wrong = append(wrong, "server errors: "+line)
		}
	}
	return wrong
}
