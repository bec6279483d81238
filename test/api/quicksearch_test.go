package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

type quick struct {
	Models, Datasets, Spaces []struct{ ID string }
	Users                    []struct{ User string }
	Orgs                     []struct{ Name string }
	ModelsCount              int
}

func (q quick) String() string {
	var all []string
	for _, list := range [][]struct{ ID string }{q.Models, q.Datasets, q.Spaces} {
		for _, v := range list {
			all = append(all, v.ID)
		}
	}
	for _, v := range q.Users {
		all = append(all, "@"+v.User)
	}
	for _, v := range q.Orgs {
		all = append(all, "+"+v.Name)
	}
	return strings.Join(all, " ")
}

// TestQuicksearch: words by their beginnings, of names and full names, and nothing that the caller may not see.
func TestQuicksearch(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob-bert")
		h.Org("acme-labs", alice, map[string]hub.Role{"bob-bert": hub.RoleRead})
		h.JSON(alice, http.MethodPut, "/api/users/alice/settings", dict{"full_name": "Ålice Bertrand"}, nil)
		h.CreateRepo(alice, hub.Model, "alice/tiny-BERT_v2", false)
		h.CreateRepo(alice, hub.Model, "acme-labs/bert-secret", true)
		h.CreateRepo(alice, hub.Dataset, "alice/bertha", false)
		h.CreateRepo(alice, hub.Space, "alice/show", false)
		ask := func(c testhub.Caller, query string) string {
			t.Helper()
			return ok[quick](t, query, get(h, c, "/api/quicksearch?"+query)).String()
		}
		all := "acme-labs/bert-secret alice/tiny-BERT_v2 alice/bertha @alice @bob-bert"
		same := func(what, got, want string) {
			t.Helper()
			if a, b := strings.Fields(got), strings.Fields(want); len(a) != len(b) || !within(a, b) {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		for query, want := range map[string]string{
			"q=bert": "alice/tiny-BERT_v2 alice/bertha @alice @bob-bert", "q=BERT+tin": "alice/tiny-BERT_v2", "q=v2": "alice/tiny-BERT_v2", "q=ert": "", "q=sho": "alice/show",
			"q=alice/": "alice/tiny-BERT_v2 alice/bertha alice/show", "q=Alice/TINY": "alice/tiny-BERT_v2", "q=acme": "+acme-labs", "q=labs": "+acme-labs", "q=" + url.QueryEscape("ålice"): "@alice",
			"q=": "alice/tiny-BERT_v2 alice/bertha alice/show", "q=bert&type=dataset&type=org": "alice/bertha", "q=bert&namespace=alice": "alice/tiny-BERT_v2 alice/bertha @alice @bob-bert",
			"q=bert&exclude=models/alice/tiny-bert_v2&exclude=users/alice": "alice/bertha @bob-bert", "q=bert&namespace=nobody-here": "@alice @bob-bert", "q=bert&reposFilter=own": "@alice @bob-bert",
			"q=%25": "", "q=!!": "", "q=b_rt": "", "q=zzz&type=paper": "", "q=bert&library=x": "@alice @bob-bert", "q=bert&pipelines=a,b": "@alice @bob-bert", "q=labs&orgsFilter=own": "",
		} {
			same(query, ask(nobody, query), want)
		}
		same("a member", ask(bob, "q=bert"), all)
		same("the admin", ask(h.Admin, "q=bert"), all)
		same("own organizations", ask(bob, "q=bert&reposFilter=own_orgs&type=model"), "acme-labs/bert-secret")
		same("own organization", ask(bob, "q=labs&orgsFilter=own"), "+acme-labs")
		body := ok[quick](t, "post", post(h, bob, "/api/quicksearch", dict{"q": "bert", "limit": 5, "type": []string{"model"}, "exclude": []string{}}))
		same("by post", body.String(), "acme-labs/bert-secret alice/tiny-BERT_v2")
		if body.ModelsCount != 2 {
			t.Errorf("%d models", body.ModelsCount)
		}
		if q := ok[quick](t, "one", get(h, nobody, "/api/quicksearch?q=bert&limit=1")); len(q.Users) != 1 {
			t.Errorf("%v", q)
		}

		// What becomes private, is renamed or goes is found so at once.
		h.JSON(alice, http.MethodPut, "/api/models/alice/tiny-BERT_v2/settings", dict{"private": true}, nil)
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "alice/bertha", "toRepo": "alice/norma", "type": "dataset"}, nil)
		h.JSON(alice, http.MethodPut, "/api/users/alice/settings", dict{"full_name": ""}, nil)
		same("after", ask(nobody, "q=bert"), "@bob-bert")
		same("renamed", ask(nobody, "q=norma"), "alice/norma")
		h.JSON(alice, http.MethodPost, "/api/repos/move", dict{"fromRepo": "alice/tiny-BERT_v2", "toRepo": "acme-labs/tiny", "type": "model"}, nil)
		same("moved", ask(bob, "q=tiny"), "acme-labs/tiny")
		o, err := h.App.Orgs().Get(t.Context(), "acme-labs")
		if err == nil {
			_, err = h.App.Orgs().Rename(t.Context(), o.ID, "zenith")
		}
		if err != nil {
			t.Fatal(err)
		}
		same("old name", ask(bob, "q=labs"), "")
		same("new name", ask(bob, "q=zen"), "+zenith")

		for _, bad := range []string{"q=" + strings.Repeat("x", 201), "limit=0", "limit=21", "limit=x", "exclude=x", "q=%00"} {
			refused(t, bad, get(h, nobody, "/api/quicksearch?"+bad), 400, "")
		}
		for _, bad := range []string{"lang=de", "orgsFilter=unwatched", "reposFilter=granted_access"} {
			refused(t, bad, get(h, nobody, "/api/quicksearch?"+bad), 501, "NotImplemented")
		}
		refused(t, "a nested body", post(h, nobody, "/api/quicksearch", dict{"q": dict{"a": 1}}), 400, "")
	})
}

func within(a, b []string) bool {
	for _, v := range a {
		found := false
		for _, w := range b {
			found = found || v == w
		}
		if !found {
			return false
		}
	}
	return true
}

// TestTrending: likes move what trends, for each who may see it, and the caller's own likes are marked.
func TestTrending(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.CreateRepo(alice, hub.Model, "alice/cold", false)
		h.CreateRepo(alice, hub.Model, "alice/hot", false)
		h.CreateRepo(alice, hub.Dataset, "alice/data", false)
		h.CreateRepo(alice, hub.Space, "alice/space", false)
		h.CreateRepo(alice, hub.Model, "alice/secret", true)
		for _, path := range []string{"models/alice/hot", "models/alice/secret", "spaces/alice/space"} {
			h.JSON(alice, http.MethodPost, "/api/"+path+"/like", nil, nil)
		}
		h.JSON(bob, http.MethodPost, "/api/models/alice/hot/like", nil, nil)
		if err := h.App.Repos().RollDownloads(t.Context()); err != nil {
			t.Fatal(err)
		}
		type item struct {
			RepoType string
			RepoData struct {
				ID            string
				Likes         int
				IsLikedByUser bool
			}
		}
		see := func(c testhub.Caller, query string) string {
			t.Helper()
			var all []string
			for _, i := range ok[struct{ RecentlyTrending []item }](t, query, get(h, c, "/api/trending?"+query)).RecentlyTrending {
				all = append(all, fmt.Sprintf("%s:%s/%d/%v", i.RepoType, i.RepoData.ID, i.RepoData.Likes, i.RepoData.IsLikedByUser))
			}
			return strings.Join(all, " ")
		}
		if got := see(bob, "limit=2"); got != "model:alice/hot/2/true space:alice/space/1/false" {
			t.Error(got)
		}
		if got := see(nobody, "type=model&limit=20"); got != "model:alice/hot/2/false model:alice/cold/0/false" {
			t.Error(got)
		}
		if got := see(alice, "type=model"); !strings.Contains(got, "alice/secret/1/true") {
			t.Error(got)
		}
		if got := see(alice, ""); strings.Count(got, " ") != 4 {
			t.Error(got)
		}
		refused(t, "type", get(h, nobody, "/api/trending?type=paper"), 400, "")
		refused(t, "limit", get(h, nobody, "/api/trending?limit=21"), 400, "")
		if m := ok[dict](t, "mcp", get(h, alice, "/api/settings/mcp")); fmt.Sprint(m) != "map[builtInTools:[] spaceTools:[]]" {
			t.Error(m)
		}
	})
}

// TestARareWordIsFoundBesideACommonOne: what very many have in common does not hide the one that is asked for.
func TestARareWordIsFoundBesideACommonOne(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/common-x77", false)
	h.User("user-x77")
	err := h.App.DB().Tx(t.Context(), func(tx *db.Tx) error {
		for _, sql := range []string{
			`WITH RECURSIVE s (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 3000)
				INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at)
				SELECT printf('a%023x', i), 'model', 'o', 'o', 'common-' || i, 'o/common-' || i, 'o', 'public', 1, 1 FROM s`,
			`INSERT INTO repo_word (repo_id, word, type, visibility, owner_id) SELECT id, 'common', type, visibility, owner_id FROM repo WHERE owner_id = 'o'`,
			`WITH RECURSIVE s (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 3000)
				INSERT INTO namespace_word (owner_id, source, word, kind) SELECT printf('0%023x', i), 'name', 'user', 'user' FROM s`,
		} {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"q=common-x77": "alice/common-x77", "q=x77+common": "alice/common-x77", "q=user-x77": "@user-x77"} {
		if got := ok[quick](t, query, get(h, nobody, "/api/quicksearch?"+query)).String(); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}
