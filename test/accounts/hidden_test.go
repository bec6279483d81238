package accounts

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// A private repository answers whoever may not see it as one that is not there: status, headers and body, on all doors,
// in either order.
func TestS2PrivateAndAbsentAnswerAlike(t *testing.T) {
	h := testhub.New(t)
	ann, eve := h.User("ann"), h.User("eve")
	h.CreateRepo(ann, hub.Model, "ann/zq1x", true)
	h.Commit(ann, hub.Model, "ann/zq1x", "main", map[string]string{"a.txt": "a"})
	paths := []string{"/api/models/ann/NAME", "/api/models/ann/NAME/tree/main", "/api/models/ann/NAME/refs", "/api/models/ann/NAME/commits/main", "/ann/NAME/resolve/main/a.txt",
		"/ann/NAME/raw/main/a.txt", "/ann/NAME", "/ann/NAME/tree/main", "/ann/NAME/blob/main/a.txt", "/ann/NAME.git/info/refs?service=git-upload-pack",
		"/api/models/ann/NAME/settings/lfs", "/api/models/ann/NAME/xet-read-token/main", "/api/models/ann/NAME/keys"}
	asked := 0
	for _, who := range []testhub.Caller{nobody, eve} {
		for i := range 12 {
			for _, p := range paths {
				for _, accept := range []string{"*/*", "text/html"} {
					first, second := "zq1x", "zq2x"
					if i%2 == 1 {
						first, second = second, first
					}
					method := []string{http.MethodGet, http.MethodHead}[i/2%2]
					a, b := h.Do(who, method, named(p, first), nil, "Accept", accept), h.Do(who, method, named(p, second), nil, "Accept", accept)
					asked += 2
					if a.Status < 400 || !alike(a, b, first, second) {
						t.Fatalf("%s %s as %q: %d %v %s\n%d %v %s", method, p, who.Name, a.Status, a.Header, a.Body, b.Status, b.Header, b.Body)
					}
				}
			}
		}
	}
	if asked < 1000 {
		t.Errorf("only %d requests", asked)
	}
}

func named(path, name string) string { return strings.Replace(path, "NAME", name, 1) }

// alike compares two answers, but for the request's id and time and the name that was asked for.
func alike(a, b testhub.Answer, nameA, nameB string) bool {
	plain := func(x testhub.Answer, name string) string {
		head := x.Header.Clone()
		for _, k := range []string{"X-Request-Id", "Date"} {
			head.Del(k)
		}
		text, _ := json.Marshal(head)
		return strings.ReplaceAll(string(text)+string(x.Body), name, "NAME")
	}
	return a.Status == b.Status && plain(a, nameA) == plain(b, nameB)
}

// A wrong password and an unknown user get the same page, whoever asks how often.
func TestS2WrongPasswordAndUnknownUserAnswerAlike(t *testing.T) {
	h := testhub.New(t)
	h.User("zelda")
	for i := range 10 { // what is said beyond the tenth is held to cost the same in package account
		first, second := "zelda", "yoric"
		if i%2 == 1 {
			first, second = second, first
		}
		a, b := signIn(t, h, first, "wrong password"), signIn(t, h, second, "wrong password")
		if a.Status != http.StatusUnprocessableEntity || !alike(a, b, first, second) {
			t.Fatalf("%d %v %s\n%d %v %s", a.Status, a.Header, a.Body, b.Status, b.Header, b.Body)
		}
	}
}
