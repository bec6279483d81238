package compat

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestBrowserJoin is a person who makes an account, confirms an address and loses the password, at a real browser. The hub
// sends no e-mail, so its log has the links.
func TestBrowserJoin(t *testing.T) {
	tools := installed(t)
	h := start(t)
	openRegistration(t, h)
	b := newBrowser(t, h, tools)
	defer b.tell()

	b.open("/login")
	b.submit(".ways a[href='/join']", "#fullname")
	b.check("join")
	b.do("type a weak password", chromedp.SendKeys("#username", person), chromedp.SendKeys("#email", person+"@example.com"), chromedp.SendKeys("#password", "password123"))
	b.submit("form[action='/join'] button", "#password[aria-invalid=true]")
	b.check("join-refused")
	b.do("type a good one", chromedp.SendKeys("#password", password))
	b.submit("form[action='/join'] button", ".who .me")

	b.open("/login/verify?code=" + loggedCode(t, h, "verify"))
	b.check("verify")
	b.submit("form[action='/login/verify'] button", "h1")
	b.open("/login/verify?code=none")
	b.check("verify-dead")
	b.submit("form[action='/logout'] button", ".who .button")

	b.open("/login/forgot")
	b.check("forgot")
	b.do("ask", chromedp.SendKeys("#username", person+"@example.com"))
	b.submit("form[action='/login/forgot'] button", ".note.good")
	b.check("forgot-asked")
	b.open("/login/reset?code=" + loggedCode(t, h, "reset"))
	b.check("reset")
	b.do("choose", chromedp.SendKeys("#password", password+" again"))
	b.submit("form[action='/login/reset'] button", ".note.good")
	b.check("login-after-reset")
	b.signIn(person, password+" again")
	b.open("/login/reset?code=none")
	b.check("reset-dead")
}

func openRegistration(t *testing.T, h *hub) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, h.endpoint+"/api/admin/settings", strings.NewReader(`{"registration":"open"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}

// loggedCode waits for the link of a letter in the hub's log.
func loggedCode(t *testing.T, h *hub, what string) string {
	t.Helper()
	link := regexp.MustCompile(`/login/` + what + `\?code=([\w-]+)`)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		log, err := os.ReadFile(h.log)
		if err != nil {
			t.Fatal(err)
		}
		if found := link.FindAllSubmatch(log, -1); len(found) > 0 {
			return string(found[len(found)-1][1])
		}
	}
	t.Fatalf("no link to %s in the log", what)
	return ""
}
