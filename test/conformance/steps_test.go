package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/url"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// story is every operation of the documents, asked for as they say.
var story = []step{
	{op: "GET /api/whoami-v2", as: "alice", path: "/api/whoami-v2"},
	{op: "GET /api/whoami-v2", what: "by a token with an end and fine-grained scopes", as: "fine", path: "/api/whoami-v2", before: fineGrained, check: func(w *world, a testhub.Answer) {
		if !strings.Contains(string(a.Body), `"scoped"`) {
			w.Errorf("%s", a.Body)
		}
	}},
	{op: "GET /api/whoami-v2", what: "by nobody", path: "/api/whoami-v2", status: 401},

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

	{op: "GET /api/avatars/{namespace}", what: "of a user", path: "/api/avatars/alice", anyStatus: true},
	{op: "GET /api/avatars/{namespace}", what: "of an organisation", path: "/api/avatars/myorg", anyStatus: true},
	{op: "POST /api/credentials/revoke", path: "/api/credentials/revoke", anyStatus: true, body: func(w *world) any {
		w.told["found"] = w.token("bob", hub.TokenRead)
		return object{"credentials": []any{w.told["found"], "hf_nobodyhasthisone"}}
	}, check: func(w *world, a testhub.Answer) {
		if got := w.h.Do(testhub.Caller{Token: w.told["found"]}, "GET", "/api/whoami-v2", nil); got.Status != 401 {
			w.Errorf("the token still works: %d", got.Status)
		}
	}},
	{op: "GET /api/organizations/{name}/audit-log/export", as: "alice", path: "/api/organizations/myorg/audit-log/export", check: func(w *world, a testhub.Answer) {
		if !strings.Contains(a.Header.Get("Content-Disposition"), "filename") || !strings.Contains(string(a.Body), `"repo.create"`) {
			w.Errorf("%v %.300s", a.Header, a.Body)
		}
	}},
	{op: "GET /api/organizations/{name}/audit-log/export", what: "by author", as: "alice", path: "/api/organizations/myorg/audit-log/export?q=author:alice"},
	{op: "GET /api/organizations/{name}/audit-log/export", what: "by address", as: "alice", path: "/api/organizations/myorg/audit-log/export?q=ip:127.0.0.0", check: count(0)},
	{op: "GET /api/organizations/{name}/audit-log/export", what: "by type", as: "alice", path: "/api/organizations/myorg/audit-log/export?q=type:repo.create", check: count(3)},
	{op: "GET /api/organizations/{name}/audit-log/export", what: "by a reader", as: "bob", path: "/api/organizations/myorg/audit-log/export", status: 403},
	{op: "POST /api/organizations/{name}/avatar", as: "alice", path: "/api/organizations/myorg/avatar", body: picture, headers: multipartType, check: tellsSize},
	{op: "POST /api/organizations/{name}/avatar", what: "of another", as: "bob", path: "/api/organizations/myorg/avatar", body: picture, headers: multipartType, status: 403},
	{op: "GET /api/organizations/{name}/avatar", what: "the image", path: "/api/organizations/myorg/avatar", image: true},
	{op: "GET /api/organizations/{name}/avatar", what: "as JSON", path: "/api/organizations/myorg/avatar", headers: []string{"Accept", "application/json"}},
	{op: "GET /api/organizations/{name}/avatar", what: "as a redirect", path: "/api/organizations/myorg/avatar?redirect=true", status: 302, check: redirects},
	{op: "DELETE /api/organizations/{name}/avatar", as: "alice", path: "/api/organizations/myorg/avatar"},
	{op: "GET /api/organizations/{name}/avatar", what: "the default image", path: "/api/organizations/myorg/avatar", image: true},
	{op: "GET /api/organizations/{name}/followers", path: "/api/organizations/myorg/followers", before: func(w *world) {
		w.must("bob", "POST", "/api/organizations/myorg/follow", nil)
		w.must("bob", "POST", "/api/users/alice/follow", nil)
		w.must("alice", "POST", "/api/users/bob/follow", nil)
	}, check: count(1)},
	{op: "GET /api/organizations/{name}/members", as: "alice", path: "/api/organizations/myorg/members", check: count(2)},
	{op: "GET /api/organizations/{name}/members", what: "in pages", as: "alice", path: "/api/organizations/myorg/members?limit=10&search=bo", check: count(1)},
	{op: "GET /api/organizations/{name}/members", what: "by e-mail", as: "alice", path: "/api/organizations/myorg/members?email=bob@example.com", check: count(1)},
	{op: "GET /api/organizations/{name}/members", what: "the second page", as: "alice", path: "{next}", before: manyMembers},
	{op: "PUT /api/organizations/{name}/members/{username}/role", as: "alice", path: "/api/organizations/myorg/members/bob/role", body: object{"role": "write"}, anyStatus: true},
	{op: "PUT /api/organizations/{name}/members/{username}/role", what: "of the later description", as: "alice", path: "/api/organizations/myorg/members/bob/role", body: object{"role": "no_access"}, anyStatus: true},
	{op: "PUT /api/organizations/{name}/members/{username}/role", what: "with resource groups", as: "alice", path: "/api/organizations/myorg/members/bob/role", body: object{"role": "read", "resourceGroups": []any{}}, anyStatus: true},
	{op: "GET /api/organizations/{name}/overview", path: "/api/organizations/myorg/overview"},
	{op: "PUT /api/organizations/{name}/settings", as: "alice", path: "/api/organizations/myorg/settings", example: true},
	{op: "PUT /api/organizations/{name}/settings", what: "in part", as: "alice", path: "/api/organizations/myorg/settings", body: object{"description": "Machine Learning Research", "website": "https://myorg.example.com"}},
	{op: "PUT /api/organizations/{name}/settings", what: "by a reader", as: "bob", path: "/api/organizations/myorg/settings", body: object{"bio": "x"}, status: 403},
	{op: "GET /api/organizations/{name}/profile", path: "/api/organizations/myorg/profile"},
	{op: "GET /api/organizations/{name}/settings/repositories", as: "alice", path: "/api/organizations/myorg/settings/repositories", check: count(3)},
	{op: "GET /api/organizations/{name}/settings/repositories", what: "filtered", as: "alice", path: "/api/organizations/myorg/settings/repositories?search=MYMO&type=model&limit=10&sort=updatedAt&direction=asc", check: count(1)},
	{op: "POST /api/organizations/{name}/settings/tokens/revoke", as: "alice", path: "/api/organizations/myorg/settings/tokens/revoke", anyStatus: true, body: func(w *world) any {
		w.told["bobs"] = w.token("bob", hub.TokenRead)
		return object{"token": w.told["bobs"]}
	}},
	{op: "POST /api/organizations/{name}/settings/tokens/{tokenId}/revoke", as: "alice", path: "/api/organizations/myorg/settings/tokens/{bobs id}/revoke", anyStatus: true, before: func(w *world) {
		w.token("bob", hub.TokenRead)
		w.told["bobs id"] = w.lastToken("bob")
	}},
	{op: "GET /api/organizations/{name}/socials", path: "/api/organizations/myorg/socials"},
	{op: "GET /api/quicksearch", path: "/api/quicksearch?q=my", check: finds("models", "datasets", "spaces", "orgs")},
	{op: "GET /api/quicksearch", what: "a person", path: "/api/quicksearch?q=alic&type=user", check: finds("users")},
	{op: "GET /api/quicksearch", what: "with every parameter", as: "alice", path: "/api/quicksearch?q=my&limit=5&library=transformers&type=model&type=dataset&type=space&type=org&type=user&orgsFilter=own&reposFilter=skip_gated&pipelines=text-generation&exclude=models/myorg/other&namespace=myorg&includeInvitees=false&repoName=x&repoType=model&discussionId=0123456789abcdef01234567&discussionCollectionName=x"},
	{op: "GET /api/quicksearch", what: "a filter without data", path: "/api/quicksearch?q=my&lang=en", status: 501},
	{op: "GET /api/quicksearch", what: "another", path: "/api/quicksearch?q=my&spacesTags=x", status: 501},
	{op: "POST /api/quicksearch", what: "a filter without data", path: "/api/quicksearch?q=my&lang=en&spacesTags=x", body: object{}, status: 501},
	{op: "POST /api/quicksearch", path: "/api/quicksearch", body: object{"q": "my", "limit": 5, "type": []any{"model", "org"}, "exclude": []any{"models/myorg/other"}, "namespace": "myorg", "bucketNamespace": ""}, check: finds("models")},
	{op: "POST /api/quicksearch", what: "with every parameter", as: "alice", path: "/api/quicksearch?q=my&limit=5&library=transformers&type=model&type=dataset&type=space&type=org&type=user&orgsFilter=own&reposFilter=skip_gated&pipelines=text-generation&exclude=models/myorg/other&namespace=myorg&includeInvitees=false&repoName=x&repoType=model&discussionId=0123456789abcdef01234567&discussionCollectionName=x", body: object{"q": "my", "exclude": []any{}, "bucketNamespace": ""}},
	{op: "GET /api/settings/repositories", as: "alice", path: "/api/settings/repositories", before: func(w *world) {
		w.h.CreateRepo(w.people["alice"], hub.Model, "alice/own", true)
	}, check: count(1)},
	{op: "GET /api/settings/repositories", what: "filtered", as: "alice", path: "/api/settings/repositories?search=OW&type=model&limit=1&sort=storage&direction=desc", check: count(1)},
	{op: "GET /api/trending", path: "/api/trending"},
	{op: "GET /api/trending", what: "of models", path: "/api/trending?type=model&limit=1"},
	{op: "POST /api/users/{username}/avatar", as: "alice", path: "/api/users/alice/avatar", body: picture, headers: multipartType, check: tellsSize},
	{op: "POST /api/users/{username}/avatar", what: "of another", as: "bob", path: "/api/users/alice/avatar", body: picture, headers: multipartType, status: 403},
	{op: "GET /api/users/{username}/avatar", what: "the image", path: "/api/users/alice/avatar", image: true},
	{op: "GET /api/users/{username}/avatar", what: "as JSON", path: "/api/users/alice/avatar", headers: []string{"Accept", "application/json"}},
	{op: "GET /api/users/{username}/avatar", what: "as a redirect", path: "/api/users/alice/avatar?redirect=true", status: 302, check: redirects},
	{op: "DELETE /api/users/{username}/avatar", as: "alice", path: "/api/users/alice/avatar"},
	{op: "GET /api/users/{username}/avatar", what: "the default image", path: "/api/users/alice/avatar", image: true},
	{op: "GET /api/users/{username}/followers", path: "/api/users/alice/followers", check: count(1)},
	{op: "GET /api/users/{username}/following", path: "/api/users/alice/following", check: count(1)},
	{op: "GET /api/users/{username}/likes", path: "/api/users/bob/likes", check: count(3)},
	{op: "GET /api/users/{username}/likes", what: "in pages", path: "/api/users/bob/likes?limit=2", check: func(w *world, a testhub.Answer) {
		count(2)(w, a)
		w.told["next"] = next(a)
	}},
	{op: "GET /api/users/{username}/likes", what: "the second page", path: "{next}", check: count(1)},
	{op: "GET /api/users/{username}/overview", path: "/api/users/alice/overview"},
	{op: "GET /api/users/{username}/overview", what: "by another", as: "bob", path: "/api/users/alice/overview"},
	{op: "PUT /api/users/{username}/settings", as: "alice", path: "/api/users/alice/settings", example: true},
	{op: "PUT /api/users/{username}/settings", what: "in part", as: "alice", path: "/api/users/alice/settings", body: object{"bio": "ML Engineer and researcher", "website": "https://alice.example.com"}},
	{op: "PUT /api/users/{username}/settings", what: "of another", as: "bob", path: "/api/users/alice/settings", body: object{"bio": "x"}, status: 403},
	{op: "GET /api/users/{username}/profile", path: "/api/users/alice/profile?fallback=true"},
	{op: "GET /api/users/{username}/profile", what: "of nobody", path: "/api/users/nobody-here/profile?fallback=false", status: 404},
	{op: "GET /api/users/{username}/socials", path: "/api/users/alice/socials"},
	{op: "POST /oauth/device", path: "/oauth/device", body: form("client_id", loginClient, "scope", "openid profile email read-repos write-repos"), headers: formType, check: tell("device_code", "user_code")},
	{op: "POST /oauth/token", what: "before consent", path: "/oauth/token", body: poll, headers: formType, status: 400, check: func(w *world, a testhub.Answer) {
		if !strings.Contains(string(a.Body), `"error":"authorization_pending"`) {
			w.Errorf("%s", a.Body)
		}
	}},
	{op: "POST /oauth/token", what: "after it", path: "/oauth/token", before: consent, body: poll, headers: formType, check: tell("access_token", "refresh_token")},
	{op: "POST /oauth/token", what: "renewed", path: "/oauth/token", body: func(w *world) any {
		return form("grant_type", "refresh_token", "client_id", loginClient, "refresh_token", w.told["refresh_token"])
	}, headers: formType, check: func(w *world, a testhub.Answer) {
		tell("access_token")(w, a)
		w.people["program"] = testhub.Caller{Name: "alice", Token: w.told["access_token"]}
	}},
	{op: "GET /oauth/userinfo", as: "program", path: "/oauth/userinfo"},
	{op: "POST /oauth/userinfo", as: "program", path: "/oauth/userinfo"},

	{op: "GET /api/settings/mcp", as: "alice", path: "/api/settings/mcp"},
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

// tell keeps members of an answer for later steps.
func tell(names ...string) func(*world, testhub.Answer) {
	return func(w *world, a testhub.Answer) {
		var all map[string]any
		if err := json.Unmarshal(a.Body, &all); err != nil {
			w.Errorf("%v in %.300s", err, a.Body)
		}
		for _, name := range names {
			if w.told[name], _ = all[name].(string); w.told[name] == "" {
				w.Errorf("%s is missing in %.300s", name, a.Body)
			}
		}
	}
}

var formType = []string{"Content-Type", "application/x-www-form-urlencoded"}

func form(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

// loginClient is the program hf.
const loginClient = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"

func poll(w *world) any {
	return form("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", loginClient, "device_code", w.told["device_code"])
}

// consent is what alice does in a browser: sign in, type the code, allow.
func consent(w *world) {
	nobody := testhub.Caller{}
	a := w.h.Do(nobody, "POST", "/login", form("username", "alice", "password", "correct horse battery staple", "next", "/device"), formType...)
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	browser := append([]string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin"}, formType...)
	a = w.h.Do(nobody, "POST", "/device", form("code", w.told["user_code"]), browser...)
	page := a.Header.Get("Location")
	a = w.h.Do(nobody, "POST", page, form("decision", "approve", "role", "write"), browser...)
	if a.Status >= 400 {
		w.Fatalf("consent at %q: %d %.500s", page, a.Status, a.Body)
	}
}

// next is the address of the page that follows.
func next(a testhub.Answer) string {
	_, rest, _ := strings.Cut(a.Header.Get("Link"), "<")
	link, _, _ := strings.Cut(rest, ">")
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.RequestURI()
}

// manyMembers fills the organisation, and reads its first page.
func manyMembers(w *world) {
	members := map[string]hub.Role{}
	for i := range 12 {
		name := fmt.Sprintf("member-%d", i)
		w.h.Member(name, false)
		members[name] = hub.RoleRead
	}
	w.h.Join("myorg", members)
	w.told["next"] = next(w.h.Do(w.people["alice"], "GET", "/api/organizations/myorg/members?limit=10", nil))
}

// token is a new one of somebody's.
func (w *world) token(name string, role hub.TokenRole) string {
	u, err := w.h.App.Accounts().Get(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	return w.h.Token(u.ID, role)
}

// lastToken is the id of somebody's newest token.
func (w *world) lastToken(name string) string {
	u, err := w.h.App.Accounts().Get(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	tokens, err := w.h.App.Accounts().Tokens(w.Context(), u.ID)
	if err != nil || len(tokens) == 0 {
		w.Fatal(err, len(tokens))
	}
	newest := tokens[0]
	for _, t := range tokens {
		if t.CreatedAt.After(newest.CreatedAt) {
			newest = t
		}
	}
	return newest.ID
}

const border = "an-avatar-follows"

var multipartType = []string{"Content-Type", "multipart/form-data; boundary=" + border}

// picture is a PNG in the form that the Settings API asks for.
func picture(w *world) any {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	_ = m.SetBoundary(border)
	part, err := m.CreateFormFile("file", "avatar.png")
	if err == nil {
		err = png.Encode(part, image.NewRGBA(image.Rect(0, 0, 300, 200)))
	}
	if err != nil || m.Close() != nil {
		w.Fatal(err)
	}
	return b.String()
}

func tellsSize(w *world, a testhub.Answer) {
	var out struct {
		Size int `json:"size_bytes"`
	}
	if err := json.Unmarshal(a.Body, &out); err != nil || out.Size < 100 {
		w.Errorf("%v: %s", err, a.Body)
	}
}

func redirects(w *world, a testhub.Answer) {
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	if got := w.h.Do(testhub.Caller{}, "GET", to.RequestURI(), nil); got.Status != 200 || !bytes.HasPrefix(got.Body, []byte("\xff\xd8\xff")) {
		w.Errorf("%s: %d, %d bytes", to, got.Status, len(got.Body))
	}
}

// finds wants something of each kind in what quicksearch answers.
func finds(kinds ...string) func(*world, testhub.Answer) {
	return func(w *world, a testhub.Answer) {
		var out map[string]any
		if err := json.Unmarshal(a.Body, &out); err != nil {
			w.Fatal(err)
		}
		for _, k := range kinds {
			if list, _ := out[k].([]any); len(list) == 0 {
				w.Errorf("no %s: %.500s", k, a.Body)
			}
		}
	}
}

// fineGrained is a token of alice's that ends and may do little.
func fineGrained(w *world) {
	u, err := w.h.App.Accounts().Get(w.Context(), "alice")
	if err != nil {
		w.Fatal(err)
	}
	o, err := w.h.App.Orgs().Get(w.Context(), "myorg")
	if err != nil {
		w.Fatal(err)
	}
	value, _, err := w.h.App.Accounts().CreateToken(w.Context(), u.ID, account.NewToken{Name: "fine", Role: hub.TokenFineGrained, ExpiresAt: time.Now().Add(time.Hour), Scopes: &hub.Scopes{
		Scoped: []hub.Scope{{Type: "user", ID: u.ID, Permissions: []hub.Permission{"repo.content.read"}}, {Type: "org", ID: o.ID, Permissions: []hub.Permission{"repo.content.read", "repo.write"}}},
	}})
	if err != nil {
		w.Fatal(err)
	}
	w.people["fine"] = testhub.Caller{Name: "alice", Token: value}
}
