package compat

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// variant is a huggingface_hub in an environment of its own, without hf_xet or with it.
type variant struct {
	version string
	xet     bool
	// way is how a large file travels: lfs, batch where the answer to an LFS batch chooses Xet, or xet unasked.
	way string
}

var variants = []variant{
	{"0.25", false, "lfs"}, {"0.25", true, "lfs"}, // 0.25 does not know what lies beside it
	{"0.36", false, "lfs"}, {"0.36", true, "batch"},
	{"newest", false, "lfs"}, {"newest", true, "xet"},
}

func (v variant) name() string {
	if v.xet {
		return v.version + "-xet"
	}
	return v.version + "-plain"
}

// label names what is installed, for the report.
func (v variant) label(tools string) string {
	var names []string
	for _, module := range []string{"huggingface_hub", "hf_xet"} {
		found, _ := filepath.Glob(filepath.Join(tools, "versions", v.name(), "lib/python3*/site-packages", module+"-*.dist-info"))
		for _, f := range found {
			_, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(f), ".dist-info"), "-")
			names = append(names, module+" "+version)
		}
	}
	if !v.xet {
		names = append(names, "no hf_xet")
	}
	return strings.Join(names, ", ")
}

// client is the runner of a variant's scripts.
func (v variant) client(t *testing.T, h *hub, tools string, f facts) *clients {
	t.Helper()
	venv := filepath.Join("versions", v.name())
	if _, err := os.Stat(filepath.Join(tools, venv, "bin/python")); err != nil {
		t.Fatalf("not installed (%v): run test/setup.sh clients", err)
	}
	f.Variant, f.Way = v.name(), v.way
	return &clients{hub: h, tools: tools, venv: venv, facts: f}
}

// Every version does the usual things, on both kinds of storage.
func TestVersions(t *testing.T) {
	tools := installed(t)
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			env, _ := s.open(t)
			h := start(t, env...)
			f := people(t, h)
			for _, v := range variants {
				t.Run(v.name(), func(t *testing.T) {
					defer report.time(t, v.label(tools), s.name, "tour")()
					v.client(t, h, tools, f).python(t, "versions/test_usual.py")
				})
			}
			t.Run("hf_xet", func(t *testing.T) { olderXet(t, h, tools, f, s.name) })
		})
	}
}

// olderXet runs 0.36, which takes any hf_xet, with one of each that speaks other paths to the CAS.
func olderXet(t *testing.T, h *hub, tools string, f facts, storage string) {
	found, err := filepath.Glob(filepath.Join(tools, "versions/hf_xet==*"))
	if err != nil || len(found) == 0 {
		t.Fatal("no hf_xet is installed: run test/setup.sh clients", err)
	}
	for _, folder := range found {
		_, version, _ := strings.Cut(filepath.Base(folder), "==")
		t.Run(version, func(t *testing.T) {
			defer report.time(t, "huggingface_hub 0.36, hf_xet "+version, storage, "up, down, a change")()
			c := variant{"0.36", true, "batch"}.client(t, h, tools, f)
			c.facts.Variant = "hf-xet-" + version
			c.env = []string{"PYTHONPATH=" + folder}
			c.python(t, "versions/test_xet.py")
		})
	}
}

// large is more than LFS sends in one part.
const large = 600 << 20

// Each version sends 600 MB and fetches it again. Then the same file is read through the doors that this version did not
// use: a plain GET, LFS, and Xet. The kinds of storage take turns, so that each sees versions of all ways.
func TestLargeFiles(t *testing.T) {
	tools := installed(t)
	for i, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			env, _ := s.open(t)
			h := start(t, env...)
			f := people(t, h)
			for j, v := range variants {
				if (j/2+j)%len(storages) == i {
					t.Run(v.name(), func(t *testing.T) {
						v.large(t, h, tools, f, s.name, newLargeFile(t, uint64(j)))
					})
				}
			}
			t.Run("hf_transfer", func(t *testing.T) {
				variants[2].large(t, h, tools, f, s.name, newFile(t, 110, pushed), "HF_HUB_ENABLE_HF_TRANSFER=1")
			})
			t.Run("js", func(t *testing.T) { largeJS(t, h, tools, f, s.name, i == 0) })
		})
	}
}

func (v variant) large(t *testing.T, h *hub, tools string, f facts, storage string, file largeFile, env ...string) {
	who := strings.Join(append([]string{v.label(tools)}, env...), ", ")
	c := v.client(t, h, tools, f)
	c.env = env
	c.facts.Large = file
	c.facts.Large.Repo = fmt.Sprintf("%s/large-%s-%d", writer, v.name(), len(env))
	for _, tc := range c.python(t, "versions/test_large.py") {
		report.add(who, storage, strings.TrimPrefix(tc.Name, "test_"), tc.took())
	}
	if err := os.Remove(file.Path); err != nil {
		t.Fatal(err)
	}
	c.facts.Large.readBack(t, h, who, storage)
	t.Run("xet", func(t *testing.T) {
		defer report.time(t, who, storage, "xet")()
		x := variants[len(variants)-1].client(t, h, tools, f)
		x.facts.Large = c.facts.Large
		x.python(t, "versions/test_read.py")
	})
}

// largeJS sends a large file by @huggingface/hub, by Xet or, with useXet false, by LFS.
func largeJS(t *testing.T, h *hub, tools string, f facts, storage string, xet bool) {
	f.Large, f.Way = newLargeFile(t, 100), "lfs"
	who := javaScript(t, tools) + ", useXet: false"
	if xet {
		f.Way, who = "batch", javaScript(t, tools)+", useXet: true"
	}
	f.Large.Repo = writer + "/large-js"
	c := clients{hub: h, tools: tools, venv: "python", facts: f}
	for _, tc := range c.js(t, "large.mjs") {
		report.add(who, storage, tc.Name, tc.took())
	}
	f.Large.readBack(t, h, who, storage)
}

// javaScript is the client's name and version.
func javaScript(t *testing.T, tools string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(tools, "node/node_modules/@huggingface/hub/package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Name, Version string }
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p.Name + " " + p.Version
}

// largeFile is a file to send and where it goes to.
type largeFile struct {
	Path   string `json:"path"`
	Name   string `json:"name"` // in its repository
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Repo   string `json:"repo"`
}

func newLargeFile(t *testing.T, seed uint64) largeFile { return newFile(t, seed, large) }

// newFile writes bytes that neither compress nor repeat, the same for the same seed.
func newFile(t *testing.T, seed uint64, size int64) largeFile {
	t.Helper()
	var key [32]byte
	copy(key[:], fmt.Sprint(seed))
	path := filepath.Join(t.TempDir(), "weights.bin")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8(key), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return largeFile{Path: path, Name: "weights.bin", SHA256: hex.EncodeToString(sum.Sum(nil)), Size: size}
}

// sum is the SHA-256 of a file.
func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// readBack fetches the file by a plain GET and by LFS.
func (f largeFile) readBack(t *testing.T, h *hub, who, storage string) {
	for name, address := range map[string]func(*testing.T) string{
		"get": func(*testing.T) string { return h.endpoint + "/" + f.Repo + "/resolve/main/" + f.Name },
		"lfs": func(t *testing.T) string { return f.lfsAddress(t, h) },
	} {
		t.Run(name, func(t *testing.T) {
			defer report.time(t, who, storage, name)()
			f.check(t, h.get(t, address(t)))
		})
	}
}

func (f largeFile) check(t *testing.T, body io.ReadCloser) {
	t.Helper()
	defer body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, body)
	if got := hex.EncodeToString(sum.Sum(nil)); err != nil || n != f.Size || got != f.SHA256 {
		t.Errorf("%d bytes of %d, sha256 %s, want %s, %v", n, f.Size, got, f.SHA256, err)
	}
}

func (f largeFile) lfsAddress(t *testing.T, h *hub) string {
	t.Helper()
	ask := fmt.Sprintf(`{"operation":"download","transfers":["basic"],"objects":[{"oid":%q,"size":%d}]}`, f.SHA256, f.Size)
	var out struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}
	if err := json.Unmarshal(h.do(t, http.MethodPost, "/"+f.Repo+".git/info/lfs/objects/batch", strings.NewReader(ask)), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Objects) != 1 || out.Objects[0].Actions["download"].Href == "" {
		t.Fatalf("the batch gives no address: %+v", out)
	}
	return out.Objects[0].Actions["download"].Href
}

// count is how many requests of an operation the hub has answered with success.
func (c *clients) count(t *testing.T, operation string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.hub.endpoint+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.hub.token)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), `cairn_http_requests_total{operation="`+operation+`",status="2xx"} `); ok {
			v, err := strconv.ParseFloat(n, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
	}
	return 0
}

// do sends a request as the writer, which must succeed, and gives the answer.
func (h *hub) do(t *testing.T, method, path string, body io.Reader) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.endpoint+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+writerToken)
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, path, a.Status, b, err)
	}
	return b
}

// get fetches an address as the writer; a signed one ignores who asks.
func (h *hub) get(t *testing.T, address string) io.ReadCloser {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(address, "/lfs/") {
		r.Header.Set("Authorization", "Bearer "+writerToken)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", address, a.Status)
	}
	return a.Body
}

func (tc testCase) took() time.Duration { return time.Duration(tc.Seconds * float64(time.Second)) }
