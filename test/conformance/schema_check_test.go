package conformance

import (
	"strings"
	"testing"
)

// TestViolationsAreSeen spoils an answer in each way that the documents forbid: a check that lets one pass proves nothing.
func TestViolationsAreSeen(t *testing.T) {
	ops := map[string]*operation{}
	for _, o := range operations(t) {
		ops[o.String()] = o
	}
	const members = `[{"avatarUrl":"/a","fullname":"A","isPro":false,"user":"a","type":"user","_id":"0123456789abcdef01234567"}]`
	const put = `{"private":false,"success":true,"message":"Done"}`
	const profile = `{"name":"o","description":"d","bio":"b","website":"w","social_media":{"twitter_x":"x","github":"g"},"member_count":5,"created_at":"2025-01-01T00:00:00Z"}`
	for _, c := range []struct{ op, body, old, new string }{
		{"GET /api/organizations/{name}/members", members, "", ""},
		{"GET /api/organizations/{name}/members", members, `"fullname":"A",`, ""},
		{"GET /api/organizations/{name}/members", members, `"isPro":false`, `"isPro":0`},
		{"GET /api/organizations/{name}/members", members, `"_id":"0123456789abcdef01234567"`, `"_id":"0123456789ABCDEF01234567"`},
		{"GET /api/organizations/{name}/members", members, `"user":"a"`, `"user":"a","made_up":1`},
		{"GET /api/organizations/{name}/members", members, `"type":"user"`, `"type":"org"`},
		{"PUT /api/models/{namespace}/{repo}/settings", put, "", ""}, // members of two documents in one answer
		{"PUT /api/models/{namespace}/{repo}/settings", put, `"success":true,`, ""},
		{"PUT /api/models/{namespace}/{repo}/settings", put, `"private":false`, `"private":"no"`},
		{"PUT /api/models/{namespace}/{repo}/settings", put, `"private":false`, `"privacy":false`},
		{"GET /api/organizations/{name}/profile", profile, "", ""},
		{"GET /api/organizations/{name}/profile", profile, `"github":"g"`, `"github":"g","threads":"t"`},
		{"GET /api/organizations/{name}/profile", profile, `"github":"g"`, `"github":null`},
		{"GET /api/organizations/{name}/profile", profile, `"github":"g"`, `"github":"g","myspace":"t"`},
		{"GET /api/organizations/{name}/profile", profile, `2025-01-01T00:00:00Z`, `yesterday`},
		{"GET /api/organizations/{name}/profile", profile, `"member_count":5`, `"member_count":"5"`},
		{"GET /api/organizations/{name}/profile", profile, `"bio":"b",`, ``},
		{"GET /api/organizations/{name}/followers", `[{"user":"a","fullname":"A","avatarUrl":"/a"}]`, "", ""},
		{"GET /api/organizations/{name}/followers", `[{"user":"a","fullname":"A"}]`, `"fullname":"A"`, `"fullname":"B"`},
	} {
		body := strings.Replace(c.body, c.old, c.new, 1)
		wrong, checks := ops[c.op].violations("200", []byte(body))
		good := c.old == "" || strings.Contains(c.new, "threads")
		if checks == 0 || (len(wrong) == 0) != good {
			t.Errorf("%s: %s: %d checks, found %q", c.op, body, checks, wrong)
		}
	}
}
