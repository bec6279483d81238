package repo

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of lists of likes.
const (
	LikesOnPage = 100
	MaxLikes    = 1000
	mostCounted = 10_000 // likes of one user that are counted
)

// Liked is a repository that somebody likes.
type Liked struct {
	Type hub.RepoType
	ID   hub.RepoID
	At   time.Time
}

// Liker is somebody who likes a repository.
type Liker struct {
	UserID string
	At     time.Time
}

// Like adds the actor to those who like a repository. Liking again changes nothing. The caller has checked that the
// actor sees it.
func (s *Service) Like(ctx context.Context, actor hub.Actor, r *Repo) error {
	if actor.Deploy || actor.Anonymous() {
		return errs.New(errs.Forbidden, "Only users like repositories")
	}
	return errs.Wrap("repo.Like", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, insertLike, actor.UserID, s.now().UnixMicro(), r.RowID)
		return s.liked(ctx, tx, "repo.like", actor, r, n, err)
	}))
}

// Unlike takes the actor's like back; it is fine when there is none.
func (s *Service) Unlike(ctx context.Context, actor hub.Actor, r *Repo) error {
	return errs.Wrap("repo.Unlike", s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, deleteLike, r.RowID, actor.UserID)
		return s.liked(ctx, tx, "repo.unlike", actor, r, n, err)
	}))
}

// liked keeps the repository's number in step with the rows and records what changed, if anything did. It belongs to the log
// of who likes: the owner's would fill with strangers, and show from where they came.
func (s *Service) liked(ctx context.Context, tx *db.Tx, kind string, actor hub.Actor, r *Repo, changed int64, err error) error {
	if err != nil || changed == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, countLikes, r.RowID, r.RowID); err != nil {
		return err
	}
	return s.recordFor(ctx, tx, actor.UserID, kind, actor, r, nil)
}

// Likes reports whether a user likes a repository.
func (s *Service) Likes(ctx context.Context, userID string, r *Repo) (bool, error) {
	liked, err := s.likedAmong(ctx, userID, []string{r.RowID})
	return liked[r.RowID], errs.Wrap("repo.Likes", err)
}

// likedAmong says which of some repositories a user likes.
func (s *Service) likedAmong(ctx context.Context, userID string, rowIDs []string) (map[string]bool, error) {
	liked := map[string]bool{}
	if userID == "" || len(rowIDs) == 0 {
		return liked, nil
	}
	query, args, err := db.In(likedOf, userID, rowIDs)
	if err != nil {
		return nil, err
	}
	var ids []string
	if err := s.db.Select(ctx, &ids, query, args...); err != nil {
		return nil, err
	}
	for _, id := range ids {
		liked[id] = true
	}
	return liked, nil
}

// Likers is a page of those who like a repository, the latest first.
func (s *Service) Likers(ctx context.Context, r *Repo, p hub.Page) ([]Liker, string, error) {
	p = p.Clamp(LikesOnPage, MaxLikes)
	from, ok := hub.ParseAged(p.Cursor)
	if !ok {
		return nil, "", badCursor()
	}
	var rows []struct {
		UserID    string `db:"user_id"`
		CreatedAt int64  `db:"created_at"`
	}
	if err := s.db.Select(ctx, &rows, listLikers, r.RowID, from.At, from.At, from.ID, p.Limit+1); err != nil {
		return nil, "", errs.Wrap("repo.Likers", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = hub.Aged{At: rows[p.Limit-1].CreatedAt, ID: rows[p.Limit-1].UserID}.Cursor()
	}
	likers := make([]Liker, len(rows))
	for i, row := range rows {
		likers[i] = Liker{row.UserID, time.UnixMicro(row.CreatedAt).UTC()}
	}
	return likers, next, nil
}

// LikesOf is a page of what a user likes, the latest first: of that, what the actor may see.
func (s *Service) LikesOf(ctx context.Context, actor hub.Actor, userID string, p hub.Page) ([]Liked, string, error) {
	p = p.Clamp(LikesOnPage, MaxLikes)
	from, ok := hub.ParseAged(p.Cursor)
	if !ok {
		return nil, "", badCursor()
	}
	b := statement{text: fragLikesOf, args: []any{userID, from.At, from.At, from.ID}}
	if err := s.visible(ctx, actor, &b); err != nil {
		return nil, "", err
	}
	b.add(fragLatestLikes, p.Limit+1)
	var rows []struct {
		RepoID    string       `db:"repo_id"`
		Type      hub.RepoType `db:"type"`
		Namespace string       `db:"namespace"`
		Name      string       `db:"name"`
		CreatedAt int64        `db:"created_at"`
	}
	if err := b.selectInto(ctx, s.db, &rows); err != nil {
		return nil, "", errs.Wrap("repo.LikesOf", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = hub.Aged{At: rows[p.Limit-1].CreatedAt, ID: rows[p.Limit-1].RepoID}.Cursor()
	}
	list := make([]Liked, len(rows))
	for i, row := range rows {
		list[i] = Liked{row.Type, hub.RepoID{Type: row.Type, Namespace: row.Namespace, Name: row.Name}, time.UnixMicro(row.CreatedAt).UTC()}
	}
	return list, next, nil
}

// CountLikesOf is how many repositories a user likes that the actor may see, up to ten thousand.
func (s *Service) CountLikesOf(ctx context.Context, actor hub.Actor, userID string) (n int64, err error) {
	b := statement{text: fragCountLikes, args: []any{userID}}
	if err := s.visible(ctx, actor, &b); err != nil {
		return 0, err
	}
	b.add(fragCounted, mostCounted)
	var counts []int64
	if err := b.selectInto(ctx, s.db, &counts); err != nil || len(counts) == 0 {
		return 0, errs.Wrap("repo.CountLikesOf", err)
	}
	return counts[0], nil
}

// visible bounds a statement on repo r to what the actor may see.
func (s *Service) visible(ctx context.Context, actor hub.Actor, b *statement) error {
	owners, all, err := s.authz.ReadableOwners(ctx, actor)
	switch {
	case err != nil:
		return err
	case all:
	case len(owners) == 0:
		b.add(fragPublic)
	default:
		b.add(fragReadable, owners)
	}
	return nil
}

// DropLiker takes a user's likes out of the numbers of what they liked, before the user goes; it is one of
// account.Options.BeforeDelete.
func DropLiker(ctx context.Context, q db.Queryer, userID string) error {
	if _, err := q.Exec(ctx, uncountLikes, userID); err != nil {
		return errs.Wrap("repo.DropLiker", err)
	}
	_, err := q.Exec(ctx, deleteLikesOf, userID)
	return errs.Wrap("repo.DropLiker", err)
}

func badCursor() error {
	return errs.New(errs.Invalid, "Invalid cursor: follow the Link header of the previous page as it is")
}
