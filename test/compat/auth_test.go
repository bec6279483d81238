package compat

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const person, password = "grace", "a long walk along the coast"

// addPerson makes somebody who has a password.
func addPerson(t *testing.T, h *hub) {
	t.Helper()
	cmd := exec.Command(h.process.Path, "user", "create", person, "--email", person+"@example.com", "--password-stdin", "--data", h.data)
	cmd.Env = append(os.Environ(), h.env...)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// shell is somebody's home folder, in which hf keeps what it knows.
type shell struct {
	*testing.T
	hub   *hub
	tools string
	home  string
}

func (s *shell) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	s.Cleanup(cancel)
	bin := filepath.Join(s.tools, "python/bin")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "hf"), args...)
	cmd.Dir = s.home
	cmd.Env = []string{"HF_ENDPOINT=" + s.hub.endpoint, "HF_HOME=" + filepath.Join(s.home, "hf"), "PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + s.home, "HF_HUB_DISABLE_UPDATE_CHECK=1"}
	return cmd
}

// hf runs the command line to its end, which must be a good one.
func (s *shell) hf(args ...string) string {
	s.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.Fatalf("hf %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// waiting is an `hf auth login` that waits for its code to be typed.
type waiting struct {
	url, code string
	cmd       *exec.Cmd
	mu        sync.Mutex
	out       bytes.Buffer
	ended     chan error
}

var printed = regexp.MustCompile(`(?s)(https?://\S+/device).*?\b([B-Z]{4}-[B-Z]{4})\b`)

func (w *waiting) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *waiting) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.String()
}

func (s *shell) login() *waiting {
	s.Helper()
	w := &waiting{cmd: s.command("auth", "login", "--force"), ended: make(chan error, 1)}
	w.cmd.Stdout, w.cmd.Stderr = w, w
	if err := w.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() { w.ended <- w.cmd.Wait() }()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if m := printed.FindStringSubmatch(w.text()); m != nil {
			w.url, w.code = m[1], m[2]
			return w
		}
	}
	s.Fatalf("hf auth login shows no code:\n%s", w.text())
	return nil
}

func (s *shell) finish(w *waiting, good bool) {
	s.Helper()
	select {
	case err := <-w.ended:
		if (err == nil) != good {
			s.Fatalf("hf auth login: %v\n%s", err, w.text())
		}
	case <-time.After(2 * time.Minute):
		_ = w.cmd.Process.Kill()
		s.Fatalf("hf auth login does not end:\n%s", w.text())
	}
}

// visitor is a browser without a screen, cookies or a script: plain HTTP.
type visitor struct {
	*testing.T
	http.Client
}

func newVisitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, http.Client{Jar: jar, Timeout: time.Minute}}
}

// send posts a form and follows where it leads.
func (v *visitor) send(address string, form url.Values) (at, body string) {
	v.Helper()
	req, err := http.NewRequestWithContext(v.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Accept", "text/html")
	resp, err := v.Do(req)
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.Fatalf("%s: %d %v\n%s", address, resp.StatusCode, err, b)
	}
	return resp.Request.URL.String(), string(b)
}

// hf auth on both kinds of storage: by code, refused and allowed, by token, and all that follows.
func TestAuth(t *testing.T) {
	tools := installed(t)
	for _, st := range storages {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			env, _ := st.open(t)
			h := start(t, env...)
			addPerson(t, h)
			s := &shell{t, h, tools, t.TempDir()}
			v := newVisitor(t)
			v.send(h.endpoint+"/login", url.Values{"username": {person}, "password": {password}})

			no := s.login()
			consent, _ := v.send(no.url, url.Values{"code": {no.code}})
			v.send(consent, url.Values{"decision": {"deny"}})
			s.finish(no, false)
			if !said(no.text(), "denied") {
				t.Errorf("refused, it says:\n%s", no.text())
			}

			yes := s.login()
			consent, page := v.send(yes.url, url.Values{"code": {strings.ToLower(yes.code)}})
			if !said(page, "Hugging Face command line", "python-") {
				t.Errorf("the page does not say who asks:\n%s", page)
			}
			v.send(consent, url.Values{"decision": {"approve"}, "role": {"write"}})
			s.finish(yes, true)
			if !said(yes.text(), "Login successful", "permission: write", "will be refreshed automatically") {
				t.Errorf("allowed, it says:\n%s", yes.text())
			}
			if out := s.hf("auth", "whoami"); !said(out, person, h.endpoint) {
				t.Error(out)
			}
			s.hf("repos", "create", person+"/from-a-device")

			h.newToken(t, person, "read", readToken)
			s.hf("auth", "login", "--token", readToken)
			list := s.hf("auth", "list")
			if !said(list, "hf-cli-", "read", "hf_****") || said(list, readToken) {
				t.Error(list)
			}
			if out := s.hf("auth", "whoami"); !said(out, person) {
				t.Error(out)
			}
			if out, err := s.command("repos", "create", person+"/by-reading").CombinedOutput(); err == nil {
				t.Errorf("a token for reading creates:\n%s", out)
			}
			s.hf("auth", "logout")
			if out := s.hf("auth", "list"); said(out, "hf-cli-") {
				t.Errorf("after signing out:\n%s", out)
			}
			if out, err := s.command("auth", "whoami").CombinedOutput(); err == nil {
				t.Errorf("after signing out:\n%s", out)
			}
		})
	}
}

// TestBrowser is a person at a real browser: they let a command line in, look after their account, and every page that
// they meet is held to what people need who see, hear or point differently.
func TestBrowser(t *testing.T) {
	tools := installed(t)
	h := start(t)
	addPerson(t, h)
	b := newBrowser(t, h, tools)
	defer b.tell()
	s := &shell{t, h, tools, t.TempDir()}

	w := s.login()
	b.do("open the printed address", chromedp.Navigate(w.url), chromedp.WaitVisible("#username"))
	b.check("login")
	b.signIn(person, password)
	b.do("come back", chromedp.WaitVisible("#code"))
	b.check("device")
	b.do("type a wrong code", chromedp.SendKeys("#code", "BBBB-BBBB"))
	b.submit("form[action='/device'] button", "#code[aria-invalid=true]")
	b.check("device-refused")
	b.do("type the code", chromedp.Clear("#code"), chromedp.SendKeys("#code", strings.ToLower(w.code)))
	b.submit("form[action='/device'] button", "button[value=approve]")
	b.check("consent")
	b.submit("button[value=approve]", ".note.good")
	b.check("consent-allowed")
	s.finish(w, true)
	if out := s.hf("auth", "whoami"); !said(out, person) {
		t.Error(out)
	}

	b.open("/settings/tokens")
	if !said(b.text(), "hf-cli-", "write") {
		t.Error(b.text())
	}
	b.check("tokens")
	b.do("name a token", chromedp.SendKeys("#name", "laptop"))
	b.submit("form[action='/settings/tokens'] button", ".secret .value")
	b.check("token-made")
	value := strings.TrimSpace(run(b, "copy it", chromedp.Text(".secret .value")))
	s.hf("auth", "login", "--token", value)
	b.do("load again", chromedp.Reload(), chromedp.WaitReady("main"))
	if said(b.text(), value) {
		t.Error("the token is shown twice")
	}
	b.do("ask for a fine-grained one", chromedp.Click("#role-fine", chromedp.NodeVisible), chromedp.WaitVisible("#repos"))
	b.check("token-fine")
	for _, path := range []string{"/settings/profile", "/settings/account", "/settings/keys", "/settings/sessions", "/settings/organizations", "/", "/models", "/" + person} {
		b.open(path)
		b.check("page" + strings.ReplaceAll(path, "/", "-"))
	}
	b.open("/settings/keys")
	b.do("send nonsense", chromedp.SendKeys("#key", "nonsense"))
	b.submit("form[action='/settings/keys'] button", "#key[aria-invalid=true]")
	b.check("keys-refused")
	b.open("/settings/profile")
	b.do("say something", chromedp.SendKeys("#bio", "I look after models."), chromedp.SendKeys("#website", "https://grace.example"))
	b.submit("form[action='/settings/profile'] button", ".note.good")
	b.check("profile-saved")
	b.open("/settings/account")
	b.do("change the password without the old one", chromedp.SendKeys("#current", "wrong"), chromedp.SendKeys("#new", "a short walk in the hills"))
	b.submit("form[action='/settings/account/password'] button", "#current[aria-invalid=true]")
	b.check("account-refused")
	b.do("with it", chromedp.SendKeys("#current", password), chromedp.SendKeys("#new", "a short walk in the hills"))
	b.submit("form[action='/settings/account/password'] button", ".note.good")
	b.open("/organizations/new")
	b.check("organization-new")
	b.do("name it", chromedp.SendKeys("#name", "harbour"))
	b.submit("form[action='/organizations/new'] button", ".note.good")
	for _, page := range []string{"settings", "members", "invitations"} {
		b.open("/organizations/harbour/" + page)
		b.check("organization-" + page)
	}
	for _, path := range []string{"/harbour", "/" + person, "/settings/organizations"} {
		b.open(path)
		b.check("later" + strings.ReplaceAll(path, "/", "-"))
	}
	b.open("/nobody-of-this-name")
	b.check("error")
	b.submit("form[action='/logout'] button", "a.button[href='/login']")
	for _, path := range []string{"/login/forgot", "/join"} {
		b.open(path)
		b.check("page" + strings.ReplaceAll(path, "/", "-"))
	}
}
