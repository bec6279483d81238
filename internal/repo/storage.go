package repo

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// StorageQuery chooses and orders the repositories of an owner in a report of what they take.
type StorageQuery struct {
	OwnerID   string
	Type      hub.RepoType // empty: all
	Search    string       // part of the name, whatever its case
	ByTime    bool         // ordered by the last change of the content; else by what they take
	Ascending bool
	Page      hub.Page
}

// Storage is a page of an owner's repositories, private ones too, with what they take (UsedStorage). Who asks has been
// found to be allowed to see all of them. next is empty on the last page.
func (s *Service) Storage(ctx context.Context, q StorageQuery) (list []*Repo, next string, err error) {
	if len(q.Search) > maxSearch || !db.IsText(q.Search) {
		return nil, "", errs.New(errs.Invalid, "A search has at most %d bytes of UTF-8", maxSearch)
	}
	q.Search = strings.ToLower(q.Search)
	from, fromID := int64(-1), ""
	if q.Page.Cursor != "" {
		c, err := s.unseal(q.Page.Cursor, q.fingerprint())
		if err != nil || json.Unmarshal(c.Value, &from) != nil {
			return nil, "", errs.New(errs.Invalid, "Invalid cursor")
		}
		fromID = c.ID
	}
	list, err = selectStorage(ctx, s.db, q, from, fromID)
	if err != nil {
		return nil, "", errs.Wrap("repo.Storage", err)
	}
	if len(list) > q.Page.Limit {
		list = list[:q.Page.Limit]
		last := list[len(list)-1]
		v, _ := json.Marshal(q.value(last))
		next = s.seal(cursor{Value: v, ID: last.RowID}, q.fingerprint())
	}
	return list, next, nil
}

func (q *StorageQuery) value(r *Repo) int64 {
	if q.ByTime {
		return r.ModifiedAt
	}
	return r.UsedStorage
}

// fingerprint is what a cursor is bound to.
func (q *StorageQuery) fingerprint() string {
	b, _ := json.Marshal([]any{"storage", q.OwnerID, q.Type, q.Search, q.ByTime, q.Ascending})
	return string(b)
}

// The parts of the report's statement.
const (
	fragStorage   = `SELECT ` + fragColumns + ` FROM repo r` + fragJoins + ` WHERE r.owner_id = ?`
	fragOfType    = ` AND r.type = ?`
	fragNamed     = ` AND lower(r.name) LIKE ? ESCAPE '!'`
	fragBytesDn   = ` AND r.used_storage <= ? AND (r.used_storage < ? OR r.id > ?)`
	fragBytesUp   = ` AND r.used_storage >= ? AND (r.used_storage > ? OR r.id < ?)`
	fragByBytesDn = ` ORDER BY r.used_storage DESC, r.id`
	fragByBytesUp = ` ORDER BY r.used_storage, r.id DESC`
)

func selectStorage(ctx context.Context, q db.Queryer, in StorageQuery, from int64, fromID string) (rows []*Repo, err error) {
	b := statement{text: fragStorage, args: []any{in.OwnerID}}
	if in.Type != "" {
		b.add(fragOfType, in.Type)
	}
	if in.Search != "" {
		b.add(fragNamed, db.Containing(in.Search))
	}
	after, by := fragBytesDn, fragByBytesDn
	switch {
	case in.ByTime && in.Ascending:
		after, by = fragModifiedUp, fragByModifiedUp
	case in.ByTime:
		after, by = fragModifiedDn, fragByModifiedDn
	case in.Ascending:
		after, by = fragBytesUp, fragByBytesUp
	}
	if fromID != "" {
		b.add(after, from, from, fromID)
	}
	b.add(by)
	b.add(fragLimit, in.Page.Limit+1)
	err = b.selectInto(ctx, q, &rows)
	return rows, err
}
