package repo

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The parts that a listing is put together from. Values are parameters; nothing of a request becomes SQL.
const (
	fragList       = `SELECT ` + fragColumns + ` FROM repo r` + fragJoins + ` WHERE r.type = ?`
	fragPublic     = ` AND r.visibility = 'public'`
	fragReadable   = ` AND (r.visibility = 'public' OR r.owner_id IN (?))`
	fragReadableOr = ` AND (r.visibility = 'public' OR r.owner_id IN (?) OR (r.id IN (?) AND r.owner_id IN (?)))`
	fragAuthor     = ` AND r.owner_id = ?`
	fragPipeline   = ` AND r.pipeline_tag = ?`
	fragLibrary    = ` AND r.library_name = ?`
	fragGated      = ` AND r.gated <> ''`
	fragNotGated   = ` AND r.gated = ''`
	fragTag        = ` AND r.id IN (SELECT t.repo_id FROM repo_tag t WHERE t.type = ? AND t.tag = ?)`
	fragNameHas    = ` AND r.name_key LIKE ? ESCAPE '!'`
	fragLimit      = ` LIMIT ?`
	fragModifiedDn = ` AND r.modified_at <= ? AND (r.modified_at < ? OR r.id > ?)`
	fragModifiedUp = ` AND r.modified_at >= ? AND (r.modified_at > ? OR r.id < ?)`
	fragCreatedDn  = ` AND r.created_at <= ? AND (r.created_at < ? OR r.id > ?)`
	fragCreatedUp  = ` AND r.created_at >= ? AND (r.created_at > ? OR r.id < ?)`
	fragLoadsDn    = ` AND r.downloads <= ? AND (r.downloads < ? OR r.id > ?)`
	fragLoadsUp    = ` AND r.downloads >= ? AND (r.downloads > ? OR r.id < ?)`
	fragLikesDn    = ` AND r.likes <= ? AND (r.likes < ? OR r.id > ?)`
	fragLikesUp    = ` AND r.likes >= ? AND (r.likes > ? OR r.id < ?)`
	fragTrendDn    = ` AND r.trending <= ? AND (r.trending < ? OR r.id > ?)`
	fragTrendUp    = ` AND r.trending >= ? AND (r.trending > ? OR r.id < ?)`
	fragNameDn     = ` AND r.name_key <= ? AND (r.name_key < ? OR r.id > ?)`
	fragNameUp     = ` AND r.name_key >= ? AND (r.name_key > ? OR r.id < ?)`

	fragByModifiedDn = ` ORDER BY r.modified_at DESC, r.id`
	fragByModifiedUp = ` ORDER BY r.modified_at, r.id DESC`
	fragByCreatedDn  = ` ORDER BY r.created_at DESC, r.id`
	fragByCreatedUp  = ` ORDER BY r.created_at, r.id DESC`
	fragByLoadsDn    = ` ORDER BY r.downloads DESC, r.id`
	fragByLoadsUp    = ` ORDER BY r.downloads, r.id DESC`
	fragByLikesDn    = ` ORDER BY r.likes DESC, r.id`
	fragByLikesUp    = ` ORDER BY r.likes, r.id DESC`
	fragByTrendDn    = ` ORDER BY r.trending DESC, r.id`
	fragByTrendUp    = ` ORDER BY r.trending, r.id DESC`
	fragByNameDn     = ` ORDER BY r.name_key DESC, r.id`
	fragByNameUp     = ` ORDER BY r.name_key, r.id DESC`
)

// order is one way to sort: the statement's parts for both directions, and the column's value. Ties are broken by id,
// against the direction, so that each index serves both.
type order struct {
	afterDown, byDown, afterUp, byUp string
	value                            func(*Repo) any
	parse                            func(json.RawMessage) (any, error)
}

// sorts are all that a caller may sort by: what an index serves, and nothing hidden, since an order tells what it
// orders by.
var sorts = map[string]order{
	"lastModified":  {fragModifiedDn, fragByModifiedDn, fragModifiedUp, fragByModifiedUp, func(r *Repo) any { return r.ModifiedAt }, parseAs[int64]},
	"createdAt":     {fragCreatedDn, fragByCreatedDn, fragCreatedUp, fragByCreatedUp, func(r *Repo) any { return r.CreatedAt }, parseAs[int64]},
	"downloads":     {fragLoadsDn, fragByLoadsDn, fragLoadsUp, fragByLoadsUp, func(r *Repo) any { return r.Downloads }, parseAs[int64]},
	"likes":         {fragLikesDn, fragByLikesDn, fragLikesUp, fragByLikesUp, func(r *Repo) any { return r.Likes }, parseAs[int64]},
	"trendingScore": {fragTrendDn, fragByTrendDn, fragTrendUp, fragByTrendUp, func(r *Repo) any { return r.Trending }, parseAs[float64]},
	"id":            {fragNameDn, fragByNameDn, fragNameUp, fragByNameUp, func(r *Repo) any { return r.ID().Key() }, parseAs[string]},
}

func sortNames() []string { return slices.Sorted(maps.Keys(sorts)) }

func parseAs[T any](raw json.RawMessage) (any, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

func (o order) cursor(last *Repo) cursor {
	b, _ := json.Marshal(o.value(last))
	return cursor{Value: b, ID: last.RowID}
}

// selection is a checked query with what was looked up for it.
type selection struct {
	query    Query
	order    order
	limit    int
	readable authz.Readable // the private repositories that are shown
	author   string         // owner id
	from     any            // sort value of the last item seen; nil: the first page
	fromID   string
}

// after lets the selection start behind a cursor.
func (l *selection) after(s *Service, q Query) error {
	c, err := s.unseal(q.Page.Cursor, q.fingerprint())
	if err != nil {
		return err
	}
	if l.from, err = l.order.parse(c.Value); err != nil {
		return errs.New(errs.Invalid, "Invalid cursor")
	}
	l.fromID = c.ID
	return nil
}

// rows runs the selection: one statement, whatever it filters by.
func (l *selection) rows(ctx context.Context, q db.Queryer) ([]*Repo, error) {
	b := statement{text: fragList, args: []any{l.query.Type}}
	switch {
	case l.readable.All:
	case len(l.readable.Repos) > 0:
		nobody := []string{""} // a list must not be empty
		b.add(fragReadableOr, append(nobody, l.readable.Owners...), l.readable.Repos, append(nobody, l.readable.Within...))
	case len(l.readable.Owners) == 0:
		b.add(fragPublic)
	default:
		b.add(fragReadable, l.readable.Owners)
	}
	l.filters(&b)
	after, by := l.order.afterDown, l.order.byDown
	if l.query.Ascending {
		after, by = l.order.afterUp, l.order.byUp
	}
	if l.from != nil {
		b.add(after, l.from, l.from, l.fromID)
	}
	b.add(by)
	b.add(fragLimit, l.limit)
	var rows []*Repo
	err := b.selectInto(ctx, q, &rows)
	return rows, err
}

func (l *selection) filters(b *statement) {
	if l.author != "" {
		b.add(fragAuthor, l.author)
	}
	if l.query.PipelineTag != "" {
		b.add(fragPipeline, l.query.PipelineTag)
	}
	if l.query.Library != "" {
		b.add(fragLibrary, l.query.Library)
	}
	if g := l.query.Gated; g != nil && *g {
		b.add(fragGated)
	} else if g != nil {
		b.add(fragNotGated)
	}
	for _, tag := range l.query.Filter {
		b.add(fragTag, l.query.Type, tag)
	}
	search(b, l.query.Search)
}

// search keeps the repositories whose id contains every term. This is the one place that says how a search is done.
func search(b *statement, terms []string) {
	for _, t := range terms {
		b.add(fragNameHas, db.Containing(t))
	}
}

// statement grows by constant parts and their parameters.
type statement struct {
	text string
	args []any
}

func (b *statement) add(frag string, args ...any) {
	b.text += frag
	b.args = append(b.args, args...)
}

// derivedOf reads the large columns of some repositories.
func derivedOf(ctx context.Context, q db.Queryer, ids []string) (map[string]derived, error) {
	out := make(map[string]derived, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	text, args, err := db.In(`SELECT id, head, modified_at, card, facts, tags, pipeline_tag, library_name, sdk FROM repo WHERE id IN (?)`, ids)
	if err != nil {
		return nil, err
	}
	var rows []derivedRow
	if err := q.Select(ctx, &rows, text, args...); err != nil {
		return nil, err
	}
	for _, r := range rows {
		if out[r.ID], err = r.decode(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// publicTags are the tags of the public repositories of a type.
func publicTags(ctx context.Context, q db.Queryer, typ hub.RepoType, limit int) ([]string, error) {
	var tags []string
	err := q.Select(ctx, &tags, `SELECT DISTINCT t.tag FROM repo_tag t JOIN repo r ON r.id = t.repo_id
		WHERE t.type = ? AND r.visibility = 'public' ORDER BY t.tag LIMIT ?`, typ, limit)
	return tags, err
}
