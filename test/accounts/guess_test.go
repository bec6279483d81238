package accounts

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/mail/mailtest"
	"github.com/cairnhub/cairn/internal/testhub"
)

const rightPassword = "correct horse battery staple"

// Ten tries a minute for an account from a network, whatever the door and whatever the request says of its address; then
// 429 with the headers that say when to come back. The owner gets in from a device that is known.
func TestS15GuessingIsBounded(t *testing.T) {
	h := testhub.New(t)
	const accounts, tries = 50, 10_000
	devices := map[string]string{}
	for i := range accounts {
		name := fmt.Sprintf("user-%d", i)
		h.User(name)
		for _, c := range strings.Split(mustSignIn(t, h, name, rightPassword), "; ") {
			if strings.HasPrefix(c, "cairn_device=") {
				devices[name] = c
			}
		}
	}
	began, admitted := time.Now(), 0
	for i := range tries {
		name := fmt.Sprintf("user-%d", i%accounts)
		a := signIn(t, h, name, "wrong password", "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i%250), "X-Real-Ip", "198.51.100.7", "Forwarded", "for=192.0.2.1")
		switch a.Status {
		case http.StatusUnprocessableEntity:
			admitted++
		case http.StatusTooManyRequests:
			if a.Header.Get("Retry-After") == "" || !strings.Contains(a.Header.Get("RateLimit"), ";r=0;t=") || a.Header.Get("RateLimit-Policy") == "" {
				t.Fatalf("429 without when to come back: %v", a.Header)
			}
		default:
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	windows := 1 + int(time.Since(began)/time.Minute)
	if most := 10 * accounts * windows; admitted > most {
		t.Errorf("%d tries were admitted, more than %d", admitted, most)
	}
	for i := range accounts {
		name := fmt.Sprintf("user-%d", i)
		stopped := false
		for range 3 { // the minute may end between two requests
			if !stopped {
				guessUntilStopped(t, func() int { return signIn(t, h, name, "wrong password").Status })
				stopped = signIn(t, h, name, rightPassword).Status == http.StatusTooManyRequests
			}
		}
		if !stopped {
			t.Errorf("%s signs in from the guesser's network", name)
		}
		if a := signIn(t, h, name, rightPassword, "Cookie", devices["user-0"]); (a.Status == http.StatusSeeOther) != (i == 0) {
			t.Errorf("%s signs in from the device of user-0: %d", name, a.Status)
		}
		if a := signIn(t, h, name, rightPassword, "Cookie", devices[name]); a.Status != http.StatusSeeOther {
			t.Errorf("%s is locked out on a known device: %d", name, a.Status)
		}
	}
}

// guessUntilStopped guesses until the answer is 429. Ten tries take far less than a minute, but on the busiest machine.
func guessUntilStopped(t *testing.T, guess func() int) {
	t.Helper()
	for range 60 {
		if guess() == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("the guesser is not stopped")
}

// Every door that takes a password counts to the same ten, also for who has a session or a token of the account.
func TestS15OwnAccountIsNoWayRound(t *testing.T) {
	h := testhub.New(t)
	ann := h.User("ann")
	doors := []struct {
		method, path string
		body         map[string]any
	}{
		{http.MethodPut, "/api/user/password", map[string]any{"currentPassword": "wrong password", "newPassword": goodSecret}},
		{http.MethodPut, "/api/user/email", map[string]any{"email": "x@example.com", "password": "wrong password"}},
		{http.MethodPut, "/api/user/name", map[string]any{"name": "other", "password": "wrong password"}},
		{http.MethodDelete, "/api/user", map[string]any{"name": "ann", "password": "wrong password"}},
	}
	began, wrong := time.Now(), 0
	for i := range 40 {
		d := doors[i%len(doors)]
		switch a := h.Do(ann, d.method, d.path, d.body); a.Status {
		case http.StatusBadRequest:
			wrong++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("%s %s: %d %s", d.method, d.path, a.Status, a.Body)
		}
	}
	if most := 10 * (1 + int(time.Since(began)/time.Minute)); wrong > most || wrong == 0 {
		t.Errorf("%d wrong passwords were looked at, more than %d", wrong, most)
	}
}

// Behind a proxy that is trusted, networks are told apart by what it says, and by nothing that a client wrote before it.
func TestS15ForwardedAddressesCountOnlyFromAProxy(t *testing.T) {
	h := testhub.New(t, func(c *config.Config) { c.Proxies = []string{"127.0.0.1"} })
	h.User("ann")
	try := func(password, forwarded string) int {
		return signIn(t, h, "ann", password, "X-Forwarded-For", forwarded).Status
	}
	i := 0
	guessUntilStopped(t, func() int {
		i++
		return try("wrong password", fmt.Sprintf("192.0.2.%d, 203.0.113.9", i))
	})
	if got := try(rightPassword, "198.51.100.4"); got != http.StatusSeeOther {
		t.Errorf("the owner elsewhere: %d", got)
	}
}

// Links to choose a password cannot be guessed, nor flood a mailbox.
func TestS15LettersAreBounded(t *testing.T) {
	h, srv := mailHub(t, "open")
	h.User("ann")
	asked := 0
	for range 14 {
		if post(h, "/api/auth/forgot-password", map[string]any{"email": "ann@example.com"}).Status == http.StatusOK {
			asked++
		}
	}
	if asked < 10 {
		t.Errorf("only %d questions were taken", asked)
	}
	srv.Wait(3)
	cookie := mustSignIn(t, h, "ann", rightPassword)
	for i := range 7 {
		byCookie(h, cookie, http.MethodPut, "/api/user/email", map[string]any{"email": fmt.Sprintf("x%d@example.com", i), "password": rightPassword})
	}
	for _, m := range srv.Mails() {
		if strings.Contains(m.Text, "x5@example.com") || strings.Contains(m.Text, "x6@example.com") {
			t.Errorf("a sixth letter within the hour: %s to %s", m.Subject, m.To)
		}
	}
	if n := count(srv.Mails(), "Choose a new password"); n > 3 {
		t.Errorf("%d links to choose a password at once", n)
	}
}

func count(mails []mailtest.Mail, subject string) (n int) {
	for _, m := range mails {
		if m.Subject == subject {
			n++
		}
	}
	return n
}

// A flood of logins with ever fresh names from one address does not keep the owner out, neither elsewhere nor at home.
func TestS15FloodOfLoginsKeepsNobodyOut(t *testing.T) {
	h := testhub.New(t, func(c *config.Config) { c.Proxies = []string{"127.0.0.1"} })
	h.User("ann")
	device := mustSignIn(t, h, "ann", rightPassword)
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for i := range 60 {
		flood.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				signIn(t, h, fmt.Sprintf("nobody-%d-%d", i, n), "wrong password", "X-Forwarded-For", "203.0.113.9")
			}
		})
	}
	for i := range 2 {
		if a := signIn(t, h, "ann", rightPassword, "X-Forwarded-For", "198.51.100.4"); a.Status != http.StatusSeeOther {
			t.Errorf("try %d from elsewhere: %d", i, a.Status)
		}
		if a := signIn(t, h, "ann", rightPassword, "X-Forwarded-For", "203.0.113.9", "Cookie", device); a.Status != http.StatusSeeOther {
			t.Errorf("try %d from the same address on a known device: %d", i, a.Status)
		}
	}
	stop()
	flood.Wait()
}
