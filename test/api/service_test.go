package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

func TestWhoami(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		h.Org("acme", alice, nil)
		who := ok[dict](t, "whoami", get(h, alice, "/api/whoami-v2"))
		for _, k := range []string{"type", "id", "name", "fullname", "email", "emailVerified", "canPay", "isPro", "periodEnd", "avatarUrl", "billingMode", "orgs", "auth", "site"} {
			if _, there := who[k]; !there {
				t.Errorf("whoami lacks %s", k)
			}
		}
		token := who["auth"].(dict)["accessToken"].(dict)
		created, err := time.Parse(time.RFC3339, token["createdAt"].(string))
		if token["role"] != "write" || err != nil || time.Since(created) > time.Hour || !strings.HasSuffix(token["createdAt"].(string), "Z") {
			t.Errorf("token %v", token)
		}
		orgs := who["orgs"].([]any)
		if len(orgs) != 1 || orgs[0].(dict)["name"] != "acme" || orgs[0].(dict)["roleInOrg"] != "admin" {
			t.Errorf("orgs %v", orgs)
		}
		refused(t, "anonymous", get(h, nobody, "/api/whoami-v2"), 401, "")
		for _, value := range []string{"Bearer hf_wrong", "Bearer", "Bearer ", "Basic x", "Basic OjEyMw==", "Digest a", "hf_x", "Bearer " + strings.Repeat("a", 5000), "Bearer \x80\xff"} {
			a := get(h, nobody, "/api/whoami-v2", "Authorization", value)
			refused(t, value, a, 401, "", "Invalid credentials in Authorization header")
		}
	})
}

func TestRateLimit(t *testing.T) {
	h := testhub.New(t, func(c *config.Config) {
		c.RateLimit = config.RateLimit{Enabled: true, Window: 1000 * time.Hour, API: 5, Resolvers: 3, Pages: 2}
	})
	alice := h.User("alice")
	for i := range 7 {
		a := get(h, alice, "/api/whoami-v2", "X-Forwarded-For", fmt.Sprintf("10.0.0.%d", i))
		left, policy := a.Header.Get("RateLimit"), a.Header.Get("RateLimit-Policy")
		if !strings.HasPrefix(left, fmt.Sprintf(`"api";r=%d;t=`, max(4-i, 0))) || policy != `"fixed window";"api";q=5;w=3600000` {
			t.Errorf("request %d: %q %q", i, left, policy)
		}
		if want := 200; i < 5 && a.Status != want || i >= 5 && a.Status != 429 {
			t.Errorf("request %d: %d", i, a.Status)
		}
		if a.Status == 429 {
			refused(t, "over", a, 429, "")
			if s, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || s < 1 || s > 3_600_001 {
				t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
			}
		}
	}
	for i := range 5 { // counted apart, and a forged address gains nothing
		if a := get(h, nobody, "/a/b/resolve/main/x", "X-Forwarded-For", fmt.Sprintf("10.0.0.%d", i)); (a.Status == 429) != (i >= 3) {
			t.Errorf("resolve %d: %d", i, a.Status)
		}
	}
	if a := get(h, h.Admin, "/api/whoami-v2"); a.Status != 200 {
		t.Errorf("somebody else pays: %d", a.Status)
	}
	for range 20 {
		if a := get(h, nobody, "/healthz"); a.Status != 200 {
			t.Fatalf("health is limited: %d", a.Status)
		}
	}
	off := testhub.New(t)
	if a := get(off, nobody, "/api/models"); a.Header.Get("RateLimit") != "" {
		t.Error("limits are on by default")
	}
}

func TestRequestIDs(t *testing.T) {
	h := testhub.New(t)
	if a := get(h, nobody, "/healthz", "X-Request-Id", "abc-123"); a.Header.Get("X-Request-Id") != "abc-123" {
		t.Errorf("X-Request-Id %q", a.Header.Get("X-Request-Id"))
	}
	trace := "4d1c0a5e-0000-4000-8000-000000000001"
	if a := get(h, nobody, "/healthz", "X-Amzn-Trace-Id", trace); !strings.HasSuffix(a.Header.Get("X-Request-Id"), ";"+trace) {
		t.Errorf("X-Request-Id %q", a.Header.Get("X-Request-Id"))
	}
	one, two := get(h, nobody, "/healthz").Header.Get("X-Request-Id"), get(h, nobody, "/nowhere").Header.Get("X-Request-Id")
	if one == "" || two == "" || one == two {
		t.Errorf("ids %q and %q", one, two)
	}
}

func TestCORS(t *testing.T) {
	h := testhub.New(t)
	a := h.Do(nobody, "OPTIONS", "/api/models/a/b", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	if a.Status != 204 || a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "POST") || a.Header.Get("Access-Control-Allow-Headers") != "authorization,content-type" {
		t.Errorf("preflight: %d %v", a.Status, a.Header)
	}
	a = get(h, nobody, "/api/models", "Origin", "https://app.example")
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%v", a.Header)
	}
	for _, name := range []string{"X-Repo-Commit", "X-Request-Id", "X-Error-Code", "X-Error-Message", "X-Total-Count", "ETag", "Link", "Accept-Ranges", "Content-Range", "X-Linked-Size", "X-Linked-ETag", "X-Xet-Hash"} {
		if !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("%s is not exposed", name)
		}
	}
}

func TestOperatorsDoors(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		if got := ok[dict](t, "health", get(h, nobody, "/healthz"))["status"]; got != "ok" {
			t.Errorf("health %v", got)
		}
		if got := ok[dict](t, "ready", get(h, nobody, "/readyz"))["status"]; got != "ready" {
			t.Errorf("ready %v", got)
		}
		refused(t, "anonymous", get(h, nobody, "/metrics"), 401, "")
		refused(t, "a user", get(h, alice, "/metrics"), 403, "")
		if a := get(h, h.Admin, "/metrics"); a.Status != 200 || !strings.Contains(string(a.Body), "# TYPE") {
			t.Errorf("metrics: %d", a.Status)
		}
		for _, path := range []string{"/metrics/", "//metrics", "/metrics;x=1", "/%6detrics", "/./metrics", "/x/../metrics", "/METRICS", "/debug/pprof/", "/debug/vars", "/.env"} {
			for _, c := range []testhub.Caller{nobody, alice} {
				if a := get(h, c, path); a.Status == 200 || strings.Contains(string(a.Body), "# TYPE") {
					t.Errorf("%s: %d", path, a.Status)
				}
			}
		}
		spec := ok[dict](t, "contract", get(h, nobody, "/.well-known/openapi.json"))
		if len(spec["paths"].(dict)) < 30 {
			t.Error("the contract is nearly empty")
		}
		if a := get(h, nobody, "/.well-known/openapi.md"); a.Status != 200 || len(a.Body) < 5000 {
			t.Errorf("contract: %d, %d bytes", a.Status, len(a.Body))
		}
	})
}

func TestNowhere(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	for _, path := range []string{"/api/nope", "/api", "/api/", "/api/models-nope", "/api/v2/x/y/z/a/b", "/.well-known/nope"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			a := h.Do(alice, method, path, nil)
			if a.Status != 404 && a.Status != 405 || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
				t.Errorf("%s %s: %d %q", method, path, a.Status, a.Header.Get("Content-Type"))
			} else {
				refused(t, path, a, a.Status, "")
			}
		}
	}
	for _, c := range [][2]string{{"DELETE", "/api/whoami-v2"}, {"PATCH", "/api/models/alice/m"}, {"GET", "/api/repos/create"}, {"PUT", "/alice/m/resolve/main/x"}, {"BREW", "/healthz"}, {"TRACE", "/healthz"}} {
		a := h.Do(alice, c[0], c[1], nil)
		if a.Status != 405 && a.Status != 404 && a.Status != 501 || a.Header.Get("X-Error-Message") == "" {
			t.Errorf("%v: %d %v", c, a.Status, a.Header)
		}
	}
	for _, c := range [][2]string{{"GET", "/api/models/alice/m/discussions"}, {"POST", "/api/models/alice/m/discussions"}, {"GET", "/api/settings/webhooks"}, {"GET", "/api/collections"}} {
		a := h.Do(alice, c[0], c[1], nil)
		refused(t, c[1], a, http.StatusNotImplemented, "NotImplemented")
	}
}
