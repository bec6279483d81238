package repo

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of a quick search.
const (
	MaxQuick   = 20
	candidates = 250  // repositories that match and are put in order
	scanned    = 1000 // repositories that the rarest word names and that are looked at for the other words
	maxQuickQ  = 200  // bytes
	quickTerms = 5
)

// Quick asks for the repositories of a type whose names have words that begin as those of Q do.
type Quick struct {
	Type      hub.RepoType
	Q         string // words, or namespace/words; empty: all
	Namespace string // whose; empty: everybody's
	Pipelines []string
	Library   string
	NotGated  bool
	Enabled   bool
	Owned     []string // only of these owners, unless it is nil
	Exclude   []string // ids: ns/name
	Limit     int
}

// Hit is a repository that was found.
type Hit struct {
	RowID       string         `db:"id"`
	Type        hub.RepoType   `db:"type"`
	Namespace   string         `db:"namespace"`
	Name        string         `db:"name"`
	Visibility  hub.Visibility `db:"visibility"`
	Gated       string         `db:"gated"`
	Disabled    bool           `db:"disabled"`
	Likes       int64          `db:"likes"`
	Downloads   int64          `db:"downloads"`
	Trending    float64        `db:"trending"`
	PipelineTag string         `db:"pipeline_tag"`
	SDK         string         `db:"sdk"`
	CreatedAt   int64          `db:"created_at"`
	ModifiedAt  int64          `db:"modified_at"`
	Total       int64          `db:"total"`

	Liked bool `db:"-"` // by the actor
}

// ID is its name.
func (h Hit) ID() hub.RepoID {
	return hub.RepoID{Type: h.Type, Namespace: h.Namespace, Name: h.Name}
}

// Created and Modified are when it was made, and when its content last changed.
func (h Hit) Created() time.Time  { return time.UnixMicro(h.CreatedAt).UTC() }
func (h Hit) Modified() time.Time { return time.UnixMicro(h.ModifiedAt).UTC() }

const (
	// The candidates come first: by itself SQLite may go through all repositories in the order of trending instead.
	fragHits = `SELECT r.id, r.type, r.namespace, r.name, r.visibility, r.gated, r.disabled, r.likes, r.downloads, r.trending, r.pipeline_tag,
		r.sdk, r.created_at, r.modified_at, COUNT(*) OVER () AS total FROM (`
	fragOfThem   = `) AS c CROSS JOIN repo r WHERE r.id = c.repo_id`
	fragWithWord = `SELECT a.repo_id FROM (SELECT w.repo_id FROM (
		SELECT v.repo_id FROM repo_word v WHERE v.type = ? AND v.visibility = 'public' AND v.word >= ? AND v.word < ? LIMIT ?) AS w`
	fragOrHidden = ` UNION SELECT a.repo_id FROM (SELECT w.repo_id FROM (
		SELECT v.repo_id FROM repo_word v WHERE v.type = ? AND v.visibility = 'private' AND v.word >= ? AND v.word < ? LIMIT ?) AS w`
	fragOrOwned = ` UNION SELECT a.repo_id FROM (SELECT w.repo_id FROM (
		SELECT v.repo_id FROM repo_word v WHERE v.owner_id IN (?) AND v.type = ? AND v.word >= ? AND v.word < ? LIMIT ?) AS w`
	fragMatching = ` WHERE 1 = 1`
	fragAlsoWord = ` AND EXISTS (SELECT 1 FROM repo_word x WHERE x.repo_id = w.repo_id AND x.word >= ? AND x.word < ?)`
	fragSome     = ` LIMIT ?) AS a`
	fragHowMany  = `SELECT CAST(? AS BIGINT) AS place, COUNT(*) AS n FROM (
		SELECT 1 AS one FROM repo_word v WHERE v.type = ? AND v.visibility = 'public' AND v.word >= ? AND v.word < ? LIMIT ?) AS a`
	fragAnd     = ` UNION ALL `
	fragNoOther = ` UNION SELECT '' AS repo_id` // what comes twice is dropped
	fragPath    = `SELECT p.id AS repo_id FROM repo p WHERE p.type = ? AND p.name_key >= ? AND p.name_key < ? LIMIT ?`

	fragTop = `SELECT r.id, r.type, r.namespace, r.name, r.visibility, r.gated, r.disabled, r.likes, r.downloads, r.trending, r.pipeline_tag,
		r.sdk, r.created_at, r.modified_at, 0 AS total FROM repo r WHERE r.type = ?`
	fragPipelines = ` AND r.pipeline_tag IN (?)`
	fragEnabled   = ` AND NOT r.disabled`
	fragOwners    = ` AND r.owner_id IN (?)`
	fragExclude   = ` AND r.name_key NOT IN (?)`
	fragBestFirst = ` ORDER BY r.trending DESC, r.likes DESC, r.id LIMIT ?`
	fragTopFirst  = ` ORDER BY r.trending DESC, r.id LIMIT ?`
)

// Quicksearch gives the best matches that the actor may see: what trends first. It looks at 1,000
// repositories of the rarest word and puts 250 of them in order, so for a word that very many have, it and the number of all
// matches are of some of them.
func (s *Service) Quicksearch(ctx context.Context, actor hub.Actor, q Quick) ([]Hit, error) {
	if len(q.Q) > maxQuickQ || !db.IsText(q.Q+q.Namespace+q.Library+strings.Join(q.Pipelines, "")) {
		return nil, errs.New(errs.Invalid, "A search is UTF-8 without NUL bytes, of at most %d bytes", maxQuickQ)
	}
	if q.Owned != nil && len(q.Owned) == 0 {
		return nil, nil
	}
	owners, all, err := s.authz.ReadableOwners(ctx, actor)
	if err != nil {
		return nil, err
	}
	terms := hub.Words(q.Q)
	terms = terms[:min(len(terms), quickTerms)]
	if !strings.Contains(q.Q, "/") {
		if err := s.rarestFirst(ctx, q.Type, terms); err != nil {
			return nil, errs.Wrap("repo.Quicksearch", err)
		}
	}
	b := statement{text: fragHits}
	by := fragBestFirst
	switch ns, rest, path := strings.Cut(strings.ToLower(strings.TrimSpace(q.Q)), "/"); {
	case path:
		key := strings.TrimSpace(ns) + "/" + strings.TrimSpace(rest)
		b.add(fragPath, q.Type, key, hub.BehindPrefix(key), candidates)
		b.add(fragOfThem)
	case strings.TrimSpace(q.Q) == "":
		b, by = statement{text: fragTop, args: []any{q.Type}}, fragTopFirst
	case !b.named(q.Type, terms, owners, all):
		return nil, nil
	}
	if err := s.visible(ctx, actor, &b); err != nil {
		return nil, err
	}
	if found, err := s.quickFilters(ctx, &b, q); err != nil || !found {
		return nil, err
	}
	b.add(by, q.Limit)
	var hits []Hit
	if err := b.selectInto(ctx, s.db, &hits); err != nil {
		return nil, errs.Wrap("repo.Quicksearch", err)
	}
	return hits, nil
}

// rarestFirst orders words by how many repositories each names, as far as those that would be looked at count.
func (s *Service) rarestFirst(ctx context.Context, typ hub.RepoType, terms []string) error {
	if len(terms) < 2 {
		return nil
	}
	b := statement{}
	for i, t := range terms {
		if i > 0 {
			b.add(fragAnd)
		}
		b.add(fragHowMany, i, typ, t, hub.BehindPrefix(t), scanned)
	}
	var counts []struct{ Place, N int }
	if err := b.selectInto(ctx, s.db, &counts); err != nil {
		return err
	}
	many := map[string]int{}
	for _, c := range counts {
		many[terms[c.Place]] = c.N
	}
	slices.SortStableFunc(terms, func(x, y string) int {
		return cmp.Or(cmp.Compare(many[x], many[y]), cmp.Compare(utf8.RuneCountInString(y), utf8.RuneCountInString(x)))
	})
	return nil
}

// named makes candidates of the repositories whose names have words that begin as all terms do; the first term is to be
// the one that names the fewest.
func (b *statement) named(typ hub.RepoType, terms []string, owners []string, all bool) bool {
	if len(terms) == 0 {
		return false
	}
	from, to := terms[0], hub.BehindPrefix(terms[0])
	rest := func() {
		b.add(fragMatching)
		for _, t := range terms[1:] {
			b.add(fragAlsoWord, t, hub.BehindPrefix(t))
		}
		b.add(fragSome, candidates)
	}
	b.add(fragWithWord, typ, from, to, scanned)
	rest()
	switch {
	case all:
		b.add(fragOrHidden, typ, from, to, scanned)
		rest()
	case len(owners) > 0:
		b.add(fragOrOwned, owners, typ, from, to, scanned)
		rest()
	default:
		b.add(fragNoOther)
	}
	b.add(fragOfThem)
	return true
}

// quickFilters narrows; it reports false when nothing can be left.
func (s *Service) quickFilters(ctx context.Context, b *statement, q Quick) (bool, error) {
	if q.Namespace != "" {
		owner, err := account.Namespace(ctx, s.db, q.Namespace)
		if errs.Is(err, errs.NotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		b.add(fragAuthor, owner.ID)
	}
	if len(q.Pipelines) > 0 {
		b.add(fragPipelines, q.Pipelines)
	}
	if q.Library != "" {
		b.add(fragLibrary, q.Library)
	}
	if q.NotGated {
		b.add(fragNotGated)
	}
	if q.Enabled {
		b.add(fragEnabled)
	}
	if q.Owned != nil {
		b.add(fragOwners, q.Owned)
	}
	if len(q.Exclude) > 0 {
		b.add(fragExclude, q.Exclude)
	}
	return true, nil
}

// Trending are the repositories of a type that trend most, of those that the actor may see, and which the actor likes.
func (s *Service) Trending(ctx context.Context, actor hub.Actor, typ hub.RepoType, limit int) ([]Hit, error) {
	hits, err := s.Quicksearch(ctx, actor, Quick{Type: typ, Limit: limit})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.RowID
	}
	liked, err := s.likedAmong(ctx, actor.UserID, ids)
	if err != nil {
		return nil, errs.Wrap("repo.Trending", err)
	}
	for i := range hits {
		hits[i].Liked = liked[hits[i].RowID]
	}
	return hits, nil
}
