package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type listed struct {
	ID   string
	RID  string `json:"_id"`
	Tags []string
}

func ids(list []listed) []string {
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = l.ID
	}
	return out
}

func TestListing(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("acme", bob, nil)
		for i := range 9 {
			id := fmt.Sprintf("alice/m-%d", i)
			h.CreateRepo(alice, hub.Model, id, i == 8)
			h.Commit(alice, hub.Model, id, "main", map[string]string{"README.md": fmt.Sprintf("---\nlicense: %s\ntags:\n- t%d\n---\n", []string{"mit", "apache-2.0"}[i%2], i%3)})
		}
		h.CreateRepo(bob, hub.Model, "acme/Other_x", false)
		h.CreateRepo(bob, hub.Dataset, "acme/data", false)
		list := func(c testhub.Caller, query string) []string {
			t.Helper()
			return ids(pages(t, h, c, "/api/models?"+query, func(l listed) string { return l.ID }))
		}
		for query, want := range map[string]int{
			"": 9, "author=alice": 8, "author=ALICE": 8, "author=acme": 1, "author=nobody": 0, "search=m-": 8, "search=M-3": 1, "search=OTHER": 1, "search=m-&search=3": 1, "search=zzz": 0,
			"filter=license:mit": 4, "filter=t0": 3, "filter=t0&filter=license:mit": 2, "filter=t0,license:mit": 2, "filter=nope": 0, "tags=t1": 3, "gated=true": 0, "gated=false": 9,
			"pipeline_tag=text-generation": 0, "inference=warm": 0, "owner=alice": 8,
		} {
			for _, limit := range []string{"&limit=2", "&limit=1000000000"} {
				for _, sort := range []string{"", "&sort=lastModified", "&sort=createdAt&direction=1", "&sort=downloads&direction=-1", "&sort=likes", "&sort=trendingScore"} {
					if got := list(nobody, query+limit+sort); len(got) != want {
						t.Errorf("%s%s%s: %v, want %d", query, limit, sort, got, want)
					}
				}
				if t.Failed() {
					return
				}
			}
		}
		if got := list(alice, "author=alice"); len(got) != 9 || !slices.Contains(got, "alice/m-8") {
			t.Errorf("the owner sees %v", got)
		}
		if got := list(bob, "author=alice"); slices.Contains(got, "alice/m-8") {
			t.Errorf("a stranger sees %v", got)
		}
		up, down := list(nobody, "sort=createdAt&direction=1&author=alice&limit=3"), list(nobody, "sort=createdAt&author=alice&limit=3")
		slices.Reverse(down)
		if !slices.Equal(up, down) || up[0] != "alice/m-0" {
			t.Errorf("by creation: %v, %v", up, down)
		}
		if got := ok[[]listed](t, "datasets", get(h, nobody, "/api/datasets")); len(got) != 1 || got[0].ID != "acme/data" || len(got[0].RID) != 24 {
			t.Errorf("datasets %v", got)
		}

		for _, q := range []string{"limit=0", "limit=-3", "limit=x", "limit=1e3", "sort=nope", "sort=password", "direction=2", "direction=asc", "gated=maybe", "cursor=x", "cursor=" + strings.Repeat("A", 4000),
			"search=" + strings.Repeat("x", 5000), "search=" + strings.Repeat("a+", 50), "filter=" + strings.Repeat("x", 300), "filter=" + strings.Join(many("f%d", 30), ","), "author=%00", "search=%00"} {
			refused(t, q, get(h, nobody, "/api/models?"+q), 400, "")
		}
		a := get(h, nobody, "/api/models?expand=nope")
		refused(t, "expand", a, 400, "", `"expand" must be one of [`)
		names := strings.Split(strings.TrimSuffix(strings.SplitN(decode(t, a)["error"].(string), "[", 2)[1], "]"), ", ")
		if len(names) < 20 {
			t.Errorf("the message names %v", names)
		}
		for _, name := range names {
			for _, path := range []string{"/api/models?author=alice&limit=2&expand=" + name, "/api/models/alice/m-0?expand[]=" + url.QueryEscape(name)} {
				if a := get(h, nobody, path); a.Status != 200 {
					t.Errorf("%s: %d %s", path, a.Status, a.Body)
				}
			}
		}
		refused(t, "expand of one", get(h, nobody, "/api/models/alice/m-0?expand=nope"), 400, "", `"expand" must be one of [`)

		// A cursor belongs to its query.
		first := get(h, nobody, "/api/models?limit=2&author=alice&sort=likes")
		next := strings.TrimSuffix(strings.TrimPrefix(first.Header.Get("Link"), "<"+h.URL), `>; rel="next"`)
		refused(t, "another sort", get(h, nobody, strings.Replace(next, "sort=likes", "sort=downloads", 1)), 400, "")
		u, _ := url.Parse(next)
		cursor := u.Query().Get("cursor")
		flipped := []byte(cursor)
		flipped[len(flipped)/2] ^= 1
		refused(t, "forged", get(h, nobody, strings.Replace(next, url.QueryEscape(cursor), url.QueryEscape(string(flipped)), 1)), 400, "")
	})
}

// The parts of info that clients cannot do without.
func TestInfo(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"README.md": "---\nlicense: mit\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n", "config.json": `{"model_type":"bert"}`, "d/x": "12"})
		first := head(h, alice, "alice/m", "main")
		h.Commit(alice, "model", "alice/m", "main", map[string]string{"y": "1"})
		info := ok[dict](t, "info", get(h, nobody, "/api/models/alice/m?blobs=true&securityStatus=true"))
		if len(info["siblings"].([]any)) != 5 || info["sha"] != head(h, alice, "alice/m", "main") || info["pipeline_tag"] != "text-generation" {
			t.Errorf("info %v", info)
		}
		for _, s := range info["siblings"].([]any) {
			if s := s.(dict); s["rfilename"] == "" || s["size"] == nil || s["blobId"] == nil {
				t.Errorf("sibling %v", s)
			}
		}
		old := ok[dict](t, "revision", get(h, nobody, "/api/models/alice/m/revision/"+first))
		if len(old["siblings"].([]any)) != 4 || old["sha"] != first {
			t.Errorf("old %v", old)
		}
		only := ok[map[string]json.RawMessage](t, "expand", get(h, nobody, "/api/models/alice/m/revision/HEAD?expand[]=likes&expand=sha,private"))
		for _, k := range []string{"id", "_id", "likes", "sha", "private"} {
			if only[k] == nil {
				t.Errorf("expand lacks %s: %v", k, only)
			}
		}
		if only["siblings"] != nil {
			t.Error("expand answers more than was asked for")
		}
		refused(t, "revision", get(h, nobody, "/api/models/alice/m/revision/nope"), 404, "RevisionNotFound", "Invalid rev id: nope")
	})
}
