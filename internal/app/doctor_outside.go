package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/httpd/adminapi"
)

// minGit is the oldest git whose options the hub uses: 2.39.
var minGit = [2]int{2, 39}

var gitVersion = regexp.MustCompile(`(\d+)\.(\d+)(?:\.\d+)*`)

func (c *checkup) git(ctx context.Context) (string, error) {
	const advice = "install git %d.%d or newer (apt install git, brew install git): clone and push need it"
	out, err := exec.CommandContext(ctx, "git", "version").Output()
	if err != nil {
		return "", fmt.Errorf("git does not run: %w\n"+advice, err, minGit[0], minGit[1])
	}
	m := gitVersion.FindStringSubmatch(string(out))
	if m == nil {
		return "", fmt.Errorf("git says %q\n"+advice, out, minGit[0], minGit[1])
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < minGit[0] || major == minGit[0] && minor < minGit[1] {
		return "", fmt.Errorf("git %s is too old\n"+advice, m[0], minGit[0], minGit[1])
	}
	return "git " + m[0], nil
}

// clock compares this machine with the one that keeps the data: the database's, or the file system's.
func (c *checkup) clock(ctx context.Context) (string, error) {
	there, where, err := c.timeThere(ctx)
	if err != nil {
		return "", err
	}
	if skew := time.Since(there).Round(time.Millisecond); skew.Abs() > maxSkew {
		return "", fmt.Errorf("this machine's clock is %s off against %s\nlet both follow a time server (timedatectl set-ntp true): tokens and leases depend on it", skew, where)
	}
	return "agrees with " + where, nil
}

func (c *checkup) timeThere(ctx context.Context) (time.Time, string, error) {
	if c.db != nil && c.db.Dialect() == db.Postgres {
		var now time.Time
		err := c.db.Get(ctx, &now, `SELECT CURRENT_TIMESTAMP`)
		return now, "the database", err
	}
	f, err := os.CreateTemp(c.cfg.Data, ".doctor-*")
	if err != nil {
		return time.Time{}, "", errSkipped("there is no data folder to compare with")
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		return time.Time{}, "", err
	}
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, "", err
	}
	return info.ModTime(), "the file system", nil
}

// origin is where the hub should answer, and whether that was configured rather than guessed.
func (c *checkup) origin() (string, bool) {
	if c.cfg.URL != "" {
		return c.cfg.URL, true
	}
	host, port, _ := net.SplitHostPort(c.cfg.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme(c.cfg) + net.JoinHostPort(host, port), false
}

func (c *checkup) address(ctx context.Context) (string, error) {
	origin, configured := c.origin()
	res, err := request(ctx, http.MethodGet, origin+"/healthz", nil, 0)
	if err != nil && !configured && isRefused(err) {
		return "", errSkipped("no hub runs at " + origin + ": start it with cairn serve to check its address")
	}
	if err != nil {
		return "", fmt.Errorf("%w\nis the hub running, does the name resolve here, and does the proxy in front pass requests on to %s?", err, c.cfg.Listen)
	}
	var body struct{ Status string }
	if res.status != http.StatusOK || json.Unmarshal(res.body, &body) != nil || body.Status != "ok" {
		return "", fmt.Errorf("%s/healthz answers %d, but not as a hub\nsomething else is there, or the proxy in front does not pass requests on to %s", origin, res.status, c.cfg.Listen)
	}
	return origin + " reaches a hub", nil
}

// probeSize is a little more than the largest request that a client sends: a xorb of 64 MiB.
const probeSize = 70_000_000

func (c *checkup) largeBody(ctx context.Context) (string, error) {
	if c.probe == nil {
		return "", errSkipped("needs the database")
	}
	origin, configured := c.origin()
	if _, err := c.address(ctx); err != nil {
		return "", errSkipped("needs a hub that answers")
	}
	minute := time.Now().Unix() / 60
	url := fmt.Sprintf("%s/healthz/body?t=%d&s=%s", origin, minute, adminapi.ProbeSignature(c.probe, minute))
	res, err := request(ctx, http.MethodPost, url, io.LimitReader(zeros{}, probeSize), probeSize)
	const advice = "let the proxy in front pass bodies of 100 MB, unbuffered (nginx: client_max_body_size 0; proxy_request_buffering off)"
	var body struct{ Bytes int64 }
	switch {
	case err != nil:
		return "", fmt.Errorf("a request of 70 MB breaks off: %w\n%s", err, advice)
	case (res.status == http.StatusForbidden || res.status == http.StatusUnauthorized) && !configured:
		return "", errSkipped("the hub at " + origin + " is another one: give this one's address with --listen or --url")
	case res.status == http.StatusForbidden, res.status == http.StatusUnauthorized:
		return "", fmt.Errorf("the hub at %s does not know this database's key\nis it the hub of this configuration? is its clock right?", origin)
	case res.status != http.StatusOK:
		return "", fmt.Errorf("a request of 70 MB is answered %d\n%s", res.status, advice)
	case json.Unmarshal(res.body, &body) != nil || body.Bytes != probeSize:
		return "", fmt.Errorf("of a request of 70 MB %d bytes arrived\n%s", body.Bytes, advice)
	}
	return "70 MB arrive at " + origin, nil
}

type answer struct {
	status int
	body   []byte
}

func request(ctx context.Context, method, url string, body io.Reader, size int64) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	req.Header.Set("User-Agent", "cairn-doctor")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if i := strings.Index(url, "?"); i >= 0 { // the query is a proof
			err = errors.New(strings.ReplaceAll(err.Error(), url, url[:i]))
		}
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return &answer{res.StatusCode, b}, err
}

func isRefused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
