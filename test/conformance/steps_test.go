package conformance

import (
	"encoding/json"

	"github.com/cairnhub/cairn/internal/testhub"
)

// story is every operation of the documents, asked for as they say.
var story = []step{
	{op: "GET /api/whoami-v2", as: "alice", path: "/api/whoami-v2"},

	{op: "GET /api/users/{username}/type", what: "a user", path: "/api/users/alice/type?fallback=true"},
	{op: "GET /api/users/{username}/type", what: "an organisation", path: "/api/users/myorg/type?fallback=false"},

	{op: "PUT /api/models/{namespace}/{repo}/settings", as: "alice", path: "/api/models/myorg/mymodel/settings", example: true},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "private", as: "alice", path: "/api/models/myorg/mymodel/settings", body: object{"private": true}},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "the threshold of the server", as: "alice", path: "/api/models/myorg/mymodel/settings", body: object{"lfs_threshold_bytes": nil}},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "too low a threshold", as: "alice", path: "/api/models/myorg/mymodel/settings", body: object{"lfs_threshold_bytes": 999_999}, status: 400},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "one version", as: "alice", path: "/api/models/myorg/mymodel/settings", body: object{"lfs_keep_versions": 1}, status: 400},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "a rule without a dot", as: "alice", path: "/api/models/myorg/mymodel/settings", body: object{"lfs_suffix_rules": []any{"bin"}}, status: 400},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "by a reader", as: "bob", path: "/api/models/myorg/mymodel/settings", body: object{"private": false}, status: 403},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "of none", as: "alice", path: "/api/models/myorg/none/settings", body: object{"private": false}, status: 404},
	{op: "PUT /api/models/{namespace}/{repo}/settings", what: "by the Hub's words", as: "alice", path: "/api/models/myorg/mymodel/settings", body: object{"gated": "auto", "visibility": "public"}},
	{op: "PUT /api/datasets/{namespace}/{repo}/settings", as: "alice", path: "/api/datasets/myorg/mydataset/settings", example: true},
	{op: "PUT /api/spaces/{namespace}/{repo}/settings", as: "alice", path: "/api/spaces/myorg/myspace/settings", example: true},
	{op: "GET /api/{repoType}/{namespace}/{repo}/settings/lfs", as: "alice", path: "/api/datasets/myorg/mydataset/settings/lfs"},
	{op: "GET /api/{repoType}/{namespace}/{repo}/settings/lfs", what: "by a reader", as: "bob", path: "/api/datasets/myorg/mydataset/settings/lfs", status: 403},

	{op: "GET /api/{repoType}/{namespace}/{repo}/likers", what: "of a model", path: "/api/models/myorg/mymodel/likers", before: func(w *world) {
		for _, path := range []string{"/api/models/myorg/mymodel", "/api/datasets/myorg/mydataset", "/api/spaces/myorg/myspace"} {
			w.must("bob", "POST", path+"/like", nil)
			w.must("alice", "POST", path+"/like", nil)
		}
	}, check: count(2)},
	{op: "GET /api/{repoType}/{namespace}/{repo}/likers", what: "of a dataset", path: "/api/datasets/myorg/mydataset/likers", check: count(2)},
	{op: "GET /api/{repoType}/{namespace}/{repo}/likers", what: "of a Space", path: "/api/spaces/myorg/myspace/likers", check: count(2)},
	{op: "DELETE /api/{repoType}/{namespace}/{repo}/like", as: "alice", path: "/api/models/myorg/mymodel/like"},
	{op: "GET /api/{repoType}/{namespace}/{repo}/likers", what: "one less", path: "/api/models/myorg/mymodel/likers", check: count(1)},

	{op: "GET /api/avatars/{namespace}"},
	{op: "POST /api/credentials/revoke"},
	{op: "GET /api/organizations/{name}/audit-log/export"},
	{op: "POST /api/organizations/{name}/avatar"},
	{op: "GET /api/organizations/{name}/avatar"},
	{op: "DELETE /api/organizations/{name}/avatar"},
	{op: "GET /api/organizations/{name}/followers"},
	{op: "GET /api/organizations/{name}/members"},
	{op: "PUT /api/organizations/{name}/members/{username}/role"},
	{op: "GET /api/organizations/{name}/overview"},
	{op: "GET /api/organizations/{name}/profile"},
	{op: "PUT /api/organizations/{name}/settings"},
	{op: "GET /api/organizations/{name}/settings/repositories"},
	{op: "POST /api/organizations/{name}/settings/tokens/revoke"},
	{op: "POST /api/organizations/{name}/settings/tokens/{tokenId}/revoke"},
	{op: "GET /api/organizations/{name}/socials"},
	{op: "GET /api/quicksearch"},
	{op: "POST /api/quicksearch"},
	{op: "GET /api/settings/repositories"},
	{op: "GET /api/trending"},
	{op: "POST /api/users/{username}/avatar"},
	{op: "GET /api/users/{username}/avatar"},
	{op: "DELETE /api/users/{username}/avatar"},
	{op: "GET /api/users/{username}/followers"},
	{op: "GET /api/users/{username}/following"},
	{op: "GET /api/users/{username}/likes"},
	{op: "GET /api/users/{username}/overview"},
	{op: "GET /api/users/{username}/profile"},
	{op: "PUT /api/users/{username}/settings"},
	{op: "GET /api/users/{username}/socials"},
	{op: "POST /oauth/device"},
	{op: "POST /oauth/token"},
	{op: "GET /oauth/userinfo"},
	{op: "POST /oauth/userinfo"},

	{op: "GET /api/settings/mcp"},
	{op: "GET /api/settings/metrics/live"},
	{op: "GET /api/organizations/{name}/settings/network-security"},
	{op: "PATCH /api/organizations/{name}/settings/network-security"},
	{op: "POST /oauth/register"},
}

// count wants a list of so many items.
func count(n int) func(*world, testhub.Answer) {
	return func(w *world, a testhub.Answer) {
		var list []any
		if err := json.Unmarshal(a.Body, &list); err != nil || len(list) != n {
			w.Errorf("%d items (%v), want %d: %.300s", len(list), err, n, a.Body)
		}
	}
}
