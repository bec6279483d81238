package release

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Files that no commit names. A file is lost when neither a ref nor a place that a ref has left and that was not collected since
// reaches a commit that names it. It is noted, and given up when the note is old enough. Why nothing live can go:
//
//   - A commit that names a file forgets its note in its own transaction (Wanted), and fails if the repository does not have the
//     file any more. So does whoever sends it again; who asks whether it is here forgets the note as well (Offered).
//   - A ref that is moved to old history changes the refs, or the places that refs have left: each step looks, in its own
//     transaction, whether they are those that the walk began with.
//   - While the repository has objects that never had a ref, nothing is looked for: those may be given one.

// lostAgain is when a repository is looked at again in which nothing could be told.
const lostAgain = 6 * time.Hour

// changedRow is a repository that is to be looked at, and what it was then.
type changedRow struct {
	RepoID       string `db:"repo_id"`
	Large        int64
	PackSeq      int64 `db:"pack_seq"`
	CollectEpoch int64 `db:"collect_epoch"`
}

// LostIn is what one repository has that no commit names.
type LostIn struct {
	RepoID, OwnerID string
	Name            hub.RepoID
	Files           int
	Bytes           int64
	DueFiles        int // that were, or in a dry run would be, given up now
	DueBytes        int64
	Next            time.Time // when the next is due; zero: nothing waits
	Held            bool
	TooLarge        bool // its history cannot be looked through
}

// Lost looks at the repositories that have changed since it last did, notes files that no commit names, and gives up those that
// it noted long enough ago. With dry it only says what it would do. each, if not nil, is told of every repository that has such
// files, those included of which nothing is due yet.
func (s *Service) Lost(ctx context.Context, dry bool, each func(LostIn)) (done Released, err error) {
	query := selectChanged
	if each != nil {
		query = selectChangedOrNoted
	}
	for after := ""; ; {
		var rows []changedRow
		if err := s.DB.Select(ctx, &rows, query, after, s.Now().UnixMicro(), reposAtOnce); err != nil || len(rows) == 0 {
			return done, errs.Wrap("release.Lost", err)
		}
		for _, row := range rows {
			in, err := s.lost(ctx, row, dry)
			switch {
			case ctx.Err() != nil:
				return done, ctx.Err()
			case err != nil && !errs.Is(err, errs.NotFound):
				s.Log.Warn("files that no commit names were not looked for", "repo", row.RepoID, "error", err)
			}
			if in.DueFiles > 0 {
				done.Repos, done.Files, done.Bytes = done.Repos+1, done.Files+in.DueFiles, done.Bytes+in.DueBytes
			}
			if each != nil && (in.Files > 0 || in.TooLarge) {
				each(in)
			}
		}
		after = rows[len(rows)-1].RepoID
	}
}

// lost looks at one repository.
func (s *Service) lost(ctx context.Context, row changedRow, dry bool) (in LostIn, err error) {
	for range tries {
		var moved bool
		if in, moved, err = s.lostOnce(ctx, row, dry); err != nil || !moved {
			return in, errs.Wrap("release.Lost", err)
		}
	}
	return in, nil // it changes too fast: the next time
}

// losing is one look.
type losing struct {
	s       *Service
	r       *repo.Repo
	row     changedRow
	refs    []gitstore.Ref
	dropped []hub.OID
	files   map[xet.Hash]xetstore.Stored // that nothing names
	noted   map[xet.Hash]time.Time
}

func (s *Service) lostOnce(ctx context.Context, row changedRow, dry bool) (in LostIn, moved bool, err error) {
	r, err := s.Repos.Get(ctx, nil, row.RepoID)
	if err != nil {
		return in, false, err
	}
	l := &losing{s: s, r: r, row: row}
	in = LostIn{RepoID: r.RowID, OwnerID: r.OwnerID, Name: r.ID()}
	sure, err := l.look(ctx)
	if errs.Is(err, errs.Unprocessable) {
		in.TooLarge = true
		if dry {
			return in, false, nil
		}
		return in, false, l.seen(ctx, nil)
	}
	if errs.Is(err, errs.Gone) && !dry { // a part of the history was given up: it is told once, until something changes
		return in, false, errors.Join(err, l.seen(ctx, nil))
	}
	if err != nil {
		return in, false, err
	}
	if !sure {
		if again := s.Now().Add(lostAgain); !dry {
			err = l.seen(ctx, &again)
		}
		return in, false, err
	}
	if in.Held, err = hold.OfRepo(ctx, s.DB, r.RowID); err != nil {
		return in, false, err
	}
	if !dry && !in.Held {
		if moved, err := l.note(ctx); moved || err != nil {
			return in, moved, err
		}
	}
	due := l.count(&in, dry)
	if dry || in.Held {
		return in, false, nil
	}
	for some := range slices.Chunk(due, filesAtOnce) {
		if moved, err := l.do(ctx, func(ctx context.Context, tx *db.Tx) error { return l.giveUp(ctx, tx, some) }); moved || err != nil {
			return in, moved, err
		}
	}
	var next *time.Time
	if !in.Next.IsZero() {
		next = &in.Next
	}
	return in, false, l.seen(ctx, next)
}

// look finds what nothing names. It is not sure while there are objects that never had a ref.
func (l *losing) look(ctx context.Context) (sure bool, err error) {
	s := l.s
	if err := s.walks.Take(ctx); err != nil {
		return false, err
	}
	defer s.walks.Give()
	walk, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	sure, err = l.walk(walk)
	if err != nil && ctx.Err() == nil && walk.Err() != nil {
		err = errs.New(errs.Unprocessable, "The history is too long to look through in %s", walkTime)
	}
	return sure, err
}

func (l *losing) walk(ctx context.Context) (sure bool, err error) {
	s, id := l.s, l.r.RowID
	if l.refs, err = s.Git.Refs(ctx, s.DB, id, "refs/"); err != nil {
		return false, err
	}
	if l.dropped, sure, err = s.Git.Dropped(ctx, s.DB, id); err != nil || !sure {
		return false, err
	}
	stored, err := s.allStored(ctx, id)
	if err != nil {
		return false, err
	}
	l.files = make(map[xet.Hash]xetstore.Stored, len(stored))
	bySHA := make(map[hub.SHA256][]xet.Hash, len(stored)) // equal bytes may be cut differently
	for i := range stored {
		l.files[stored[i].Hash] = stored[i]
		if sum := stored[i].SHA256; sum != (hub.SHA256{}) {
			bySHA[sum] = append(bySHA[sum], stored[i].Hash)
		}
	}
	g, err := s.Git.Open(ctx, id)
	if err != nil {
		return false, err
	}
	tips := slices.Clone(l.dropped)
	for _, ref := range l.refs {
		tips = append(tips, ref.OID)
	}
	found := func(_ string, p *git.Pointer) {
		for _, h := range bySHA[p.SHA256] {
			delete(l.files, h)
		}
		delete(bySHA, p.SHA256)
	}
	if err := g.LargeFiles(ctx, tips, found); err != nil {
		return false, err
	}
	if err := g.LargeHistory(ctx, tips, found); err != nil {
		return false, err
	}
	l.noted, err = getNoted(ctx, s.DB, selectLost, id)
	return true, err
}

// note writes down what is lost since this look, and forgets what is not any more.
func (l *losing) note(ctx context.Context) (moved bool, err error) {
	var fresh, stale []xet.Hash
	for h := range l.files {
		if l.noted[h].IsZero() {
			fresh = append(fresh, h)
		}
	}
	for h := range l.noted {
		if _, lost := l.files[h]; !lost {
			stale = append(stale, h)
		}
	}
	now := l.s.Now()
	for some := range slices.Chunk(fresh, filesAtOnce) {
		moved, err := l.do(ctx, func(ctx context.Context, tx *db.Tx) error {
			return insertNotes(ctx, tx, fragInsertLost, l.r.RowID, some, now)
		})
		if moved || err != nil {
			return moved, err
		}
		for _, h := range some {
			l.noted[h] = now
		}
	}
	for some := range slices.Chunk(stale, filesAtOnce) {
		moved, err := l.do(ctx, func(ctx context.Context, tx *db.Tx) error {
			_, err := deleteIn(ctx, tx, deleteLost, l.r.RowID, some)
			return err
		})
		if moved || err != nil {
			return moved, err
		}
	}
	return false, nil
}

// count says what there is, and which of it is due. A dry run counts what nobody has noted from now.
func (l *losing) count(in *LostIn, dry bool) (due []xetstore.Stored) {
	now := l.s.Now()
	for h, f := range l.files {
		in.Files++
		in.Bytes += f.Size
		at, noted := l.noted[h]
		if !noted && dry {
			at = now
		}
		if end := at.Add(l.s.Deps.Lost); !end.After(now) && !in.Held {
			due = append(due, f)
			in.DueFiles++
			in.DueBytes += f.Size
		} else if in.Next.IsZero() || end.Before(in.Next) {
			in.Next = end
		}
	}
	return due
}

// do runs a step in a transaction if what was seen still holds.
func (l *losing) do(ctx context.Context, step func(context.Context, *db.Tx) error) (moved bool, err error) {
	s, id := l.s, l.r.RowID
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		refs, err := s.Git.Refs(ctx, tx, id, "refs/")
		if err != nil {
			return err
		}
		dropped, sure, err := s.Git.Dropped(ctx, tx, id)
		if err != nil {
			return err
		}
		if moved = !sure || !slices.Equal(refs, l.refs) || !slices.Equal(dropped, l.dropped); moved {
			return nil
		}
		return step(ctx, tx)
	})
	if errors.Is(err, errWanted) {
		return true, nil
	}
	return moved, err
}

func (l *losing) giveUp(ctx context.Context, tx *db.Tx, due []xetstore.Stored) error {
	id := l.r.RowID
	if held, err := hold.OfRepo(ctx, tx, id); held || err != nil {
		if err == nil {
			err = errWanted
		}
		return err
	}
	files, hashes, named := make([]xetstore.File, len(due)), make([]xet.Hash, len(due)), make([]map[string]any, len(due))
	for i := range due {
		f := due[i].File
		files[i], hashes[i], named[i] = f, f.Hash, map[string]any{"path": due[i].Path, "sha256": f.SHA256.String(), "size": f.Size}
	}
	n, err := deleteIn(ctx, tx, deleteLost, id, hashes)
	if err != nil {
		return err
	}
	if n < int64(len(due)) {
		return errWanted
	}
	if err := l.s.Xet.GiveUp(ctx, tx, id, files, false); err != nil {
		return err
	}
	return event.Append(ctx, tx, event.Event{RepoID: id, OwnerID: l.r.OwnerID, Kind: "repo.large.lost", At: l.s.Now(),
		Data: map[string]any{"name": l.r.ID().String(), "files": named}})
}

// seen writes down that the repository was looked at as it was, and when to look again.
func (l *losing) seen(ctx context.Context, again *time.Time) error {
	var at any
	if again != nil {
		at = again.UnixMicro()
	}
	return l.s.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, upsertLostScan, l.row.RepoID, l.row.Large, l.row.PackSeq, l.row.CollectEpoch, at)
		return err
	})
}
