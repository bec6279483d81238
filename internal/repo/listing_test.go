package repo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// fill makes models with many ties: names in mixed case, few distinct numbers.
func (w *world) fill() {
	w.Helper()
	for i := range 30 {
		name := fmt.Sprintf("%c%02d", "aAbBzZ_"[i%7], i)
		if name[0] == '_' {
			name = "x" + name
		}
		v := hub.Public
		if i%5 == 0 {
			v = hub.Private
		}
		r := w.create(model([]string{"alice", "bob", "acme"}[i%3], name), v)
		w.exec(`UPDATE repo SET id = ?, downloads = ?, downloads_all = ?, likes = ?, trending = ?, created_at = ?, modified_at = ? WHERE id = ?`,
			fmt.Sprintf("%024x", (i*7919)%1009), i%4, i%4, i%3, float64(i%5)/3, 1_700_000_000_000_000+int64(i%6), 1_700_000_000_000_000+int64(i%2), r.RowID)
	}
}

// pages walks a listing to its end.
func (w *world) pages(actor string, q repo.Query) []string {
	w.Helper()
	var all []string
	for {
		items, next, err := w.repos.List(ctx, w.actor[actor], q)
		w.must(err)
		all = append(all, ids(items)...)
		if q.Page.Cursor = next; next == "" {
			return all
		}
		if len(items) != q.Page.Limit || len(all) > 200 {
			w.Fatalf("a page of %d items is not the last one", len(items))
		}
	}
}

func TestPagesAreCompleteAndEqualOnBothEngines(t *testing.T) {
	type key struct {
		actor, sort string
		up          bool
		limit       int
	}
	seen := map[key][]string{}
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dbtest.New(t, dialect))
			w.fill()
			for _, sort := range []string{"lastModified", "createdAt", "downloads", "likes", "trendingScore", "id"} {
				for _, actor := range []string{"", "alice", "root"} {
					for _, up := range []bool{false, true} {
						whole := w.pages(actor, repo.Query{Type: hub.Model, Sort: sort, Ascending: up})
						if want := map[string]int{"": 24, "alice": 28, "root": 30}[actor]; len(whole) != want {
							t.Errorf("%q sees %d repositories, want %d", actor, len(whole), want)
						}
						paged := w.pages(actor, repo.Query{Type: hub.Model, Sort: sort, Ascending: up, Page: hub.Page{Limit: 4}})
						if !slices.Equal(whole, paged) {
							t.Errorf("%s by %s: pages %v, whole %v", actor, sort, paged, whole)
						}
						k := key{actor, sort, up, 4}
						if before, ok := seen[k]; ok && !slices.Equal(before, whole) {
							t.Errorf("%v differs between the engines:\n%v\n%v", k, before, whole)
						}
						seen[k] = whole
					}
				}
			}
		})
	}
}

func TestListNeverLeaks(t *testing.T) {
	each(t, func(w *world) {
		w.create(model("alice", "open"), hub.Public)
		w.create(model("alice", "secret"), hub.Private)
		w.create(model("acme", "internal"), hub.Private)
		for actor, want := range map[string][]string{
			"": {"alice/open"}, "bob": {"alice/open"}, "carol": {"acme/internal", "alice/open"},
			"alice": {"acme/internal", "alice/open", "alice/secret"}, "root": {"acme/internal", "alice/open", "alice/secret"},
		} {
			for _, q := range []repo.Query{{}, {Search: []string{"e"}}, {Sort: "likes"}, {Full: true}} {
				q.Type = hub.Model
				items, _, err := w.repos.List(ctx, w.actor[actor], q)
				w.must(err)
				got := ids(items)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					w.Errorf("%q sees %v, want %v", actor, got, want)
				}
			}
		}
		items, _, err := w.repos.List(ctx, w.actor["bob"], repo.Query{Type: hub.Model, Author: "acme"})
		w.must(err)
		absent, _, err := w.repos.List(ctx, w.actor["bob"], repo.Query{Type: hub.Model, Author: "nobody"})
		w.must(err)
		if len(items) != 0 || len(absent) != 0 {
			w.Errorf("bob sees %v of acme, %v of nobody", items, absent)
		}
		tags, err := w.repos.TagsByType(ctx, hub.Model, "")
		w.must(err)
		if len(tags["license"]) != 0 {
			w.Errorf("tags: %v", tags)
		}
	})
}

func TestListFilters(t *testing.T) {
	each(t, func(w *world) {
		a, b := w.create(model("alice", "Bert-large"), hub.Public), w.create(model("bob", "bert_base"), hub.Public)
		w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
			head, _ := hub.ParseOID(a.Head)
			err := w.repos.Refresh(ctx, tx, a.RowID, repo.Update{Head: head, At: w.now, Facts: &repo.Facts{
				Tags: []string{"transformers", "fill-mask", "license:mit"}, PipelineTag: "fill-mask", LibraryName: "transformers"}})
			if err != nil {
				return err
			}
			return w.repos.Refresh(ctx, tx, b.RowID, repo.Update{Head: head, At: w.now, Facts: &repo.Facts{Tags: []string{"transformers"}}})
		}))
		_, err := w.repos.SetSettings(ctx, w.actor["bob"], b, settings(`{"gated":"auto"}`))
		w.must(err)
		both, first, second, none := []string{"alice/Bert-large", "bob/bert_base"}, []string{"alice/Bert-large"}, []string{"bob/bert_base"}, []string(nil)
		yes, no := true, false
		for i, c := range []struct {
			q    repo.Query
			want []string
		}{
			{repo.Query{}, both},
			{repo.Query{Search: []string{"BERT"}}, both},
			{repo.Query{Search: []string{"bert", "large"}}, first},
			{repo.Query{Search: []string{"bert base"}}, second},
			{repo.Query{Search: []string{"bob/"}}, second},
			{repo.Query{Search: []string{"t_b"}}, second}, // a wildcard is a letter like others
			{repo.Query{Search: []string{"%"}}, none},
			{repo.Query{Search: []string{"b%t"}}, none},
			{repo.Query{Search: []string{"!"}}, none},
			{repo.Query{Search: []string{`' OR '1'='1`}}, none},
			{repo.Query{Author: "ALICE"}, first},
			{repo.Query{Filter: []string{"transformers"}}, both},
			{repo.Query{Filter: []string{"transformers,fill-mask"}}, first},
			{repo.Query{Filter: []string{"transformers", "license:mit"}}, first},
			{repo.Query{Filter: []string{"licence:mit"}}, none},
			{repo.Query{PipelineTag: "fill-mask"}, first},
			{repo.Query{Library: "transformers"}, first},
			{repo.Query{Gated: &yes}, second},
			{repo.Query{Gated: &no}, first},
			{repo.Query{Inference: true}, none},
		} {
			c.q.Type, c.q.Sort, c.q.Ascending = hub.Model, "id", true
			if got := w.pages("", c.q); !slices.Equal(got, c.want) {
				w.Errorf("query %d: %v, want %v", i, got, c.want)
			}
		}
		// Tags that a commit takes away are gone from the filter, and a repository's other type sees none of them.
		w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
			return w.repos.Refresh(ctx, tx, a.RowID, repo.Update{At: w.now, Facts: &repo.Facts{Tags: []string{"new"}}})
		}))
		if got := w.pages("", repo.Query{Type: hub.Model, Filter: []string{"license:mit"}}); len(got) != 0 {
			w.Errorf("an old tag still finds %v", got)
		}
		if got := w.pages("", repo.Query{Type: hub.Dataset}); len(got) != 0 {
			w.Errorf("models among the datasets: %v", got)
		}
	})
}

func TestListRefuses(t *testing.T) {
	each(t, func(w *world) {
		for i := range 3 {
			w.create(model("alice", fmt.Sprint("m", i)), hub.Public)
		}
		list := func(q repo.Query) (string, error) {
			q.Type = hub.Model
			_, next, err := w.repos.List(ctx, hub.Actor{}, q)
			return next, err
		}
		for _, q := range []repo.Query{
			{Sort: "password_hash"}, {Sort: "name; DROP TABLE repo"}, {Expand: []string{"secrets"}}, {Search: []string{strings.Repeat("a", 1<<20)}},
			{Search: []string{strings.Repeat("a ", 50)}}, {Filter: []string{strings.Repeat("a,", 500)}, Sort: "x"}, {Author: "a\x00b"},
		} {
			_, err := list(q)
			w.wantKind(err, errs.Invalid, fmt.Sprintf("%.60v", q))
		}
		_, err := list(repo.Query{Sort: "stars"})
		if err == nil || !strings.Contains(err.Error(), "[createdAt, downloads,") {
			w.Errorf("an unknown sort does not name the known: %v", err)
		}
		next, err := list(repo.Query{Sort: "likes", Page: hub.Page{Limit: 1}})
		w.must(err)
		for _, c := range []repo.Query{
			{Sort: "downloads", Page: hub.Page{Cursor: next}},                    // of another order
			{Sort: "likes", Search: []string{"m"}, Page: hub.Page{Cursor: next}}, // of another query
			{Sort: "likes", Page: hub.Page{Cursor: next + "A"}},                  // longer
			{Sort: "likes", Page: hub.Page{Cursor: "A" + next[1:]}},              // another seal
			{Sort: "likes", Page: hub.Page{Cursor: next[:len(next)-4]}},          // cut
			{Sort: "likes", Page: hub.Page{Cursor: "eyJ2IjowfQ"}},                // unsealed
			{Sort: "likes", Page: hub.Page{Cursor: strings.Repeat("A", 1<<20)}},  // huge
			{Sort: "likes", Page: hub.Page{Cursor: "' OR 1=1 --"}},               // not base64
		} {
			_, err := list(c)
			w.wantKind(err, errs.Invalid, fmt.Sprintf("cursor %.40q", c.Page.Cursor))
		}
		if _, err := list(repo.Query{Sort: "likes", Page: hub.Page{Cursor: next, Limit: 1 << 30}}); err != nil {
			w.Errorf("another limit on the same cursor: %v", err)
		}
	})
}
