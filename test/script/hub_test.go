package script

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type hubsKey struct{}

// hub is a cairn serve of a script.
type hub struct {
	cmd  *exec.Cmd
	done chan error
}

const patience = time.Minute

func hubs(ts *testscript.TestScript) map[string]*hub { return ts.Value(hubsKey{}).(map[string]*hub) }

// start runs "cairn serve" with more arguments under a name, its output in name.out and name.err, until it is ready.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start name [flags of serve]")
	}
	name := args[0]
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	errOut, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer errOut.Close()
	bin, err := exec.LookPath(binDir + "/cairn")
	ts.Check(err)
	h := &hub{cmd: exec.Command(bin, append([]string{"serve"}, args[1:]...)...), done: make(chan error, 1)}
	h.cmd.Dir, h.cmd.Stdout, h.cmd.Stderr = ts.MkAbs("."), out, errOut
	h.cmd.Env = environment(ts)
	ts.Check(h.cmd.Start())
	go func() { h.done <- h.cmd.Wait() }()
	ts.Defer(func() { _ = h.cmd.Process.Kill() })
	hubs(ts)[name] = h
	begun := time.Now()
	for time.Since(begun) < patience {
		select {
		case err := <-h.done:
			ts.Fatalf("the hub ended at once: %v\n%s", err, ts.ReadFile(name+".err"))
		default:
		}
		if res, err := http.Get(ts.Getenv("URL") + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				ts.Logf("ready after %d ms", time.Since(begun).Milliseconds())
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("the hub is not ready after %s\n%s", patience, ts.ReadFile(name+".err"))
}

// environment is the script's own: nothing of the machine's Cairn settings gets in.
func environment(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.MkAbs("."), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, k := range []string{"CAIRN_DATA", "CAIRN_LISTEN", "CAIRN_CONFIG", "CAIRN_SITE_NAME", "CAIRN_LOG_LEVEL", "GORACE"} {
		if v := ts.Getenv(k); v != "" {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// stop ends a hub with SIGTERM and wants exit code 0; with another signal's name it only wants an end.
func stop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: stop name [KILL]")
	}
	h, kill := hubs(ts)[args[0]], len(args) == 2
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	ts.Check(h.cmd.Process.Signal(signal))
	if err := h.wait(); err != nil && !kill {
		ts.Fatalf("the hub ended with %v\n%s", err, ts.ReadFile(args[0]+".err"))
	}
}

func (h *hub) wait() error {
	select {
	case err := <-h.done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("still running after %s", patience)
	}
}

// drain sends half of a request, then SIGTERM, then the rest, and wants the request answered and exit code 0.
func drain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: drain name url token body")
	}
	h, body := hubs(ts)[args[0]], args[3]
	pr, pw := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, args[1], pr)
	ts.Check(err)
	req.ContentLength = int64(len(body))
	req.Header.Set("Authorization", "Bearer "+args[2])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue") // so that the body goes when the handler reads it
	status := make(chan string, 1)
	go func() {
		res, err := (&http.Client{Transport: &http.Transport{ExpectContinueTimeout: patience}}).Do(req)
		if err != nil {
			status <- err.Error()
			return
		}
		_ = res.Body.Close()
		status <- res.Status
	}()
	_, err = io.WriteString(pw, body[:len(body)/2])
	ts.Check(err)
	ts.Check(h.cmd.Process.Signal(syscall.SIGTERM))
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(ts.Getenv("URL") + "/healthz")
		if err != nil {
			break
		}
		_ = res.Body.Close()
		if time.Since(begun) > patience/2 {
			ts.Fatalf("the hub takes new requests after SIGTERM")
		}
	}
	_, err = io.WriteString(pw, body[len(body)/2:])
	ts.Check(errors.Join(err, pw.Close()))
	if s := <-status; !strings.HasPrefix(s, "200") {
		ts.Fatalf("the request under way ended with %s", s)
	}
	if err := h.wait(); err != nil {
		ts.Fatalf("the hub ended with %v\n%s", err, ts.ReadFile(args[0]+".err"))
	}
}

// request makes an HTTP request and prints the body: http [-t token] [-d body] METHOD path [status]. Without a status
// it wants a 2xx. What a command has changed reaches a running hub after a moment, so a GET is asked again until then.
func request(ts *testscript.TestScript, neg bool, args []string) {
	token, body := "", ""
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-t":
			token = args[1]
		case "-d":
			body = args[1]
		}
		args = args[2:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: http [-t token] [-d body] METHOD path [status]")
	}
	want := "2"
	if len(args) > 2 {
		want = args[2]
	}
	for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		got, b := send(ts, args[0], ts.Getenv("URL")+args[1], token, body)
		if strings.HasPrefix(got, want) {
			fmt.Fprintf(ts.Stdout(), "%s\n", b)
			return
		}
		if args[0] != http.MethodGet || time.Since(start) > 10*time.Second {
			ts.Fatalf("%s %s: status %s, want %s\n%s", args[0], args[1], got, want, b)
		}
	}
}

func send(ts *testscript.TestScript, method, address, token, body string) (status string, answer []byte) {
	req, err := http.NewRequest(method, address, bytes.NewBufferString(body))
	ts.Check(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	return strconv.Itoa(res.StatusCode), b
}

// signIn signs in as a browser does, with the user and the password that a first start has printed: signin file.
func signIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signin file")
	}
	proofs := regexp.MustCompile(`(?m)^  user +(\S+)\n  password +(\S+)$`).FindStringSubmatch(ts.ReadFile(args[0]))
	if proofs == nil {
		ts.Fatalf("%s names no user with a password", args[0])
	}
	form := url.Values{"username": {proofs[1]}, "password": {proofs[2]}}
	req, err := http.NewRequest(http.MethodPost, ts.Getenv("URL")+"/login", strings.NewReader(form.Encode()))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect
	ts.Check(err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSeeOther || len(res.Cookies()) == 0 {
		ts.Fatalf("signing in answers %s", res.Status)
	}
}
