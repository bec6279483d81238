package repo

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of a listing.
const (
	DefaultLimit  = 1000
	MaxLimit      = 1000
	maxWithFiles  = 100 // items of a page that lists files: each costs a look at a tree
	maxTerms      = 10
	maxSearch     = 200 // bytes of all terms
	maxTagFilters = 20
	maxTagFilter  = 256
)

// Query chooses and orders the repositories of a listing. Filters are combined by and.
type Query struct {
	Type        hub.RepoType
	Search      []string // each word must occur in the id
	Author      string
	Filter      []string // tags
	PipelineTag string
	Library     string
	Gated       *bool
	Inference   bool   // those that an inference provider serves: none
	Sort        string // a key of sorts; empty: trendingScore
	Ascending   bool
	Page        hub.Page

	Full, CardData, Config bool     // more fields
	Expand                 []string // exactly these fields
}

// List is a page of the repositories that the actor may see. next is empty on the last page.
func (s *Service) List(ctx context.Context, actor hub.Actor, q Query) (items []Document, next string, err error) {
	names, err := q.check()
	if err != nil {
		return nil, "", err
	}
	if q.Inference {
		return []Document{}, "", nil // no repository here is served by a provider
	}
	sel := &selection{query: q, order: sorts[q.Sort], limit: q.Page.Limit + 1}
	if q.Page.Cursor != "" {
		if err := sel.after(s, q); err != nil {
			return nil, "", err
		}
	}
	found, err := s.narrow(ctx, actor, sel)
	if err != nil || !found {
		return []Document{}, "", err
	}
	rows, err := sel.rows(ctx, s.db)
	if err != nil {
		return nil, "", errs.Wrap("repo.List", err)
	}
	if len(rows) > q.Page.Limit {
		rows = rows[:q.Page.Limit]
		next = s.seal(sel.order.cursor(rows[len(rows)-1]), q.fingerprint())
	}
	items, err = s.documents(ctx, rows, names)
	return items, next, errs.Wrap("repo.List", err)
}

// narrow adds what must be looked up first: whom the actor may read, and who the author is. It reports false when the
// answer is empty.
func (s *Service) narrow(ctx context.Context, actor hub.Actor, sel *selection) (bool, error) {
	var err error
	if sel.readable, err = s.authz.Readable(ctx, actor); err != nil {
		return false, err
	}
	if sel.query.Author == "" {
		return true, nil
	}
	owner, err := account.Namespace(ctx, s.db, sel.query.Author)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	sel.author = owner.ID
	return err == nil, err
}

// check bounds and normalises a query and gives the fields of its items.
func (q *Query) check() ([]string, error) {
	if err := checkExpand(q.Type, q.Expand); err != nil {
		return nil, err
	}
	if q.Sort == "" {
		q.Sort = "trendingScore"
	}
	if _, ok := sorts[q.Sort]; !ok {
		return nil, errs.New(errs.Invalid, `"sort" must be one of [%s]`, strings.Join(sortNames(), ", "))
	}
	if err := q.checkFilters(); err != nil {
		return nil, err
	}
	names := listFields(q.Type, *q)
	most := MaxLimit
	if slices.Contains(names, "siblings") {
		most = maxWithFiles
	}
	q.Page = q.Page.Clamp(most, most)
	return names, nil
}

func (q *Query) checkFilters() error {
	terms := strings.Fields(strings.ToLower(strings.Join(q.Search, " ")))
	if len(strings.Join(terms, " ")) > maxSearch || len(terms) > maxTerms {
		return errs.New(errs.Invalid, "A search may have at most %d words and %d bytes", maxTerms, maxSearch)
	}
	q.Search = terms
	var tags []string
	for _, f := range q.Filter {
		for tag := range strings.SplitSeq(f, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				tags = append(tags, tag)
			}
		}
	}
	slices.Sort(tags)
	q.Filter = slices.Compact(tags)
	if len(q.Filter) > maxTagFilters {
		return errs.New(errs.Invalid, "At most %d filters may be given", maxTagFilters)
	}
	for _, text := range append(slices.Clone(q.Filter), q.Author, q.PipelineTag, q.Library) {
		if len(text) > maxTagFilter || !db.IsText(text) {
			return errs.New(errs.Invalid, "A filter may have at most %d bytes of UTF-8 and no NUL", maxTagFilter)
		}
	}
	if !db.IsText(strings.Join(q.Search, " ")) {
		return errs.New(errs.Invalid, "A search is UTF-8 without NUL bytes")
	}
	return nil
}

// fingerprint is what a cursor is bound to: all that chooses and orders items, not how many or which fields.
func (q *Query) fingerprint() string {
	b, _ := json.Marshal([]any{q.Type, q.Search, strings.ToLower(q.Author), q.Filter, q.PipelineTag, q.Library, q.Gated, q.Sort, q.Ascending})
	return string(b)
}

// documents shows a page: one further query for all items, if the fields need it.
func (s *Service) documents(ctx context.Context, rows []*Repo, names []string) ([]Document, error) {
	derivedRows := map[string]derived{}
	if needsDerived(names) {
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i] = r.RowID
		}
		var err error
		if derivedRows, err = derivedOf(ctx, s.db, ids); err != nil {
			return nil, err
		}
	}
	items := make([]Document, 0, len(rows))
	for _, r := range rows {
		v := &view{repo: r, commit: r.Head, derived: derivedRows[r.RowID]}
		if v.derived.tags == nil {
			v.derived.tags = json.RawMessage("[]")
		}
		v.siblings = func() ([]Sibling, error) { return s.listFiles(ctx, r, r.Head, false) }
		doc, err := v.document(names)
		if err != nil {
			return nil, err
		}
		items = append(items, doc)
	}
	return items, nil
}
