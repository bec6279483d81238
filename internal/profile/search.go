package profile

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of a search for people.
const (
	MaxFound    = 20
	candidates  = 250  // owners whose names begin so
	scanned     = 2000 // owners that one word names
	maxSearch   = 200  // bytes
	searchTerms = 5
)

const (
	fragFindUsers = `SELECT o.id, 'user' AS kind, o.name, o.fullname FROM users o WHERE o.disabled_at IS NULL`
	fragFindOrgs  = `SELECT o.id, 'org' AS kind, o.name, o.fullname FROM orgs o WHERE 1 = 1`
	// By the beginning of the name as it is written, or by all words.
	fragNamed = ` AND (o.id IN (SELECT a.owner_id FROM (
		SELECT n.owner_id FROM namespace n WHERE n.kind = ? AND n.held_until IS NULL AND n.name_key >= ? AND n.name_key < ? LIMIT ?) AS a)`
	fragOrWords  = ` OR (1 = 1`
	fragWithWord = ` AND o.id IN (SELECT a.owner_id FROM (
		SELECT w.owner_id FROM namespace_word w WHERE w.kind = ? AND w.word >= ? AND w.word < ? LIMIT ?) AS a)`
	fragEnd      = `))`
	fragMemberOf = ` AND EXISTS (SELECT 1 FROM org_member m WHERE m.org_id = o.id AND m.user_id = ? AND m.role <> 'no_access')`
	fragNameds   = ` ORDER BY CASE WHEN lower(o.name) = ? THEN 0 ELSE 1 END, o.name LIMIT ?`
)

// Search finds users, or organisations, whose names and full names have words that begin as those of q do: who is called
// exactly so first. A user's id as member asks for organisations of that user alone.
func (s *Service) Search(ctx context.Context, kind account.Kind, q, member string, limit int) ([]Someone, error) {
	if len(q) > maxSearch || !db.IsText(q) {
		return nil, errs.New(errs.Invalid, "A search is UTF-8 without NUL bytes, of at most %d bytes", maxSearch)
	}
	terms := hub.Words(q)
	if len(terms) == 0 || strings.Contains(q, "/") {
		return nil, nil // with a slash it is a repository's name
	}
	key := strings.ToLower(strings.TrimSpace(q))
	query, args := fragFindUsers, []any{string(kind), key, hub.BehindPrefix(key), candidates}
	if kind == account.KindOrg {
		query = fragFindOrgs
	}
	query += fragNamed + fragOrWords
	for _, t := range terms[:min(len(terms), searchTerms)] {
		query, args = query+fragWithWord, append(args, string(kind), t, hub.BehindPrefix(t), scanned)
	}
	query += fragEnd
	if member != "" && kind == account.KindOrg {
		query, args = query+fragMemberOf, append(args, member)
	}
	var list []Someone
	err := s.db.Select(ctx, &list, query+fragNameds, append(args, key, min(limit, MaxFound))...)
	return list, errs.Wrap("profile.Search", err)
}
