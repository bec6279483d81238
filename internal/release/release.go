package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/slot"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// Mode says in which repositories versions are given up.
type Mode string

// The modes.
const (
	Off        Mode = "off"
	Configured Mode = "configured" // that set lfs_keep_versions themselves
	All        Mode = "all"        // the others by the server's default
)

// Deps is what the service stands on.
type Deps struct {
	DB    *db.DB
	Git   *gitstore.Store
	Xet   *xetstore.Store
	Repos *repo.Service
	Log   *slog.Logger
	Mode  Mode
	Grace time.Duration
	Keep  int64            // versions where the repository says nothing
	Lost  time.Duration    // for how long what no commit names is kept
	Now   func() time.Time // nil: the database's
}

// Service gives versions up.
type Service struct {
	Deps
	walks slot.Slots // looks through histories
}

// New builds the service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = d.DB.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{Deps: d, walks: slot.Of(walksAtOnce)}
}

func (s *Service) keep(r *repo.Repo) int64 {
	if r.LFSKeepVersions != nil {
		return *r.LFSKeepVersions
	}
	return s.Keep
}

// since is when what is superfluous became so at the earliest: when the repository said how many versions it keeps.
func since(r *repo.Repo) (at time.Time) {
	if r.LFSKeepSince != nil {
		at = time.UnixMicro(*r.LFSKeepSince).UTC()
	}
	return at
}

func (s *Service) acts(r *repo.Repo) bool {
	return s.Mode == All || s.Mode == Configured && r.KeepsVersions()
}

// Released is what was given up.
type Released struct {
	Repos, Files int
	Bytes        int64
}

const (
	reposAtOnce = 100 // of one read
	filesAtOnce = 500 // of one transaction, and of one event
	tries       = 5   // when refs move meanwhile

	walksAtOnce = 2
	walkTime    = 10 * time.Minute
)

// All is the schedule: it looks through the repositories in which versions are given up. What it did it has done when it
// is stopped, and it goes on with the rest the next time. One that cannot be looked through does not hold up the others.
func (s *Service) All(ctx context.Context) (done Released, err error) {
	if err := s.forget(ctx); err != nil || s.Mode == Off {
		return done, errs.Wrap("release.All", err)
	}
	for after := ""; ; {
		ids, err := s.Repos.KeepingVersions(ctx, s.Mode == All, after, reposAtOnce)
		if err != nil || len(ids) == 0 {
			return done, errs.Wrap("release.All", err)
		}
		for _, id := range ids {
			one, err := s.Repo(ctx, id)
			done.Files, done.Bytes = done.Files+one.Files, done.Bytes+one.Bytes
			if one.Files > 0 {
				done.Repos++
			}
			switch {
			case ctx.Err() != nil:
				return done, ctx.Err()
			case err != nil && !errs.Is(err, errs.NotFound):
				s.Log.Warn("old versions of large files were not looked for", "repo", id, "error", err)
			}
		}
		after = ids[len(ids)-1]
	}
}

// forget drops the notes of repositories in which nothing is given up any more: if it is again, the time begins anew.
func (s *Service) forget(ctx context.Context) error {
	for after := ""; ; {
		ids, err := listScanned(ctx, s.DB, after, reposAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			r, err := s.Repos.Get(ctx, nil, id)
			if err == nil && !s.acts(r) {
				err = s.forgetRepo(ctx, id)
			}
			if err != nil && !errs.Is(err, errs.NotFound) {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

func (s *Service) forgetRepo(ctx context.Context, repoID string) error {
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		r, err := s.Repos.Get(ctx, tx, repoID)
		if err != nil || s.acts(r) {
			return err
		}
		return drop(ctx, tx, repoID, deleteNotedAll, deleteScan)
	})
}

// Repo notes which versions a repository is to give up, and gives up those that it noted long enough ago.
func (s *Service) Repo(ctx context.Context, repoID string) (done Released, err error) {
	for range tries {
		moved, err := s.once(ctx, repoID, &done)
		if err != nil || !moved {
			return done, errs.Wrap("release.Repo", err)
		}
	}
	return done, nil // it changes too fast: the next time
}

// once looks through the repository. moved: what it saw does not hold any more, so the rest was not done.
func (s *Service) once(ctx context.Context, repoID string, done *Released) (moved bool, err error) {
	r, err := s.Repos.Get(ctx, nil, repoID)
	if err != nil {
		return false, err
	}
	if !s.acts(r) {
		return false, s.forgetRepo(ctx, repoID)
	}
	if held, err := hold.OfRepo(ctx, s.DB, repoID); held || err != nil {
		return false, err
	}
	if idle, err := s.idle(ctx, r); idle || err != nil {
		return false, err
	}
	p, err := s.planLater(ctx, r)
	if errs.Is(err, errs.Unprocessable) { // too large to be looked through: not again until it changes
		seen := s.DB.Tx(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, deleteNotedAll, r.RowID); err != nil { // what is due would have it looked through again
				return err
			}
			return putScan(ctx, tx, r.RowID, s.state(r, p.refs))
		})
		return false, errors.Join(err, seen)
	}
	if err != nil {
		return false, err
	}
	for _, step := range s.steps(r, p, done) {
		if moved, err = s.do(ctx, r, p, step); moved || err != nil {
			return moved, err
		}
	}
	return false, nil
}

// step is one short transaction, and what is counted when it is done.
type step struct {
	run   func(ctx context.Context, tx *db.Tx) error
	after func()
}

// do runs a step if what the plan was made for still holds.
func (s *Service) do(ctx context.Context, r *repo.Repo, p *Plan, st step) (moved bool, err error) {
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		if moved, err = s.hasMoved(ctx, tx, r, p.refs); moved || err != nil {
			return err
		}
		return st.run(ctx, tx)
	})
	if errors.Is(err, errWanted) {
		return true, nil
	}
	if err == nil && !moved && st.after != nil {
		st.after()
	}
	return moved, err
}

// steps forget what is not superfluous any more, note what is, give up what is due, and last write down that all was
// looked at.
func (s *Service) steps(r *repo.Repo, p *Plan, done *Released) (steps []step) {
	var fresh []xet.Hash
	var due []Version
	for _, v := range p.Versions {
		switch {
		case v.Due:
			due = append(due, v)
		case v.Since.IsZero():
			fresh = append(fresh, v.Hash)
		}
	}
	now := s.Now()
	for some := range slices.Chunk(p.stale, filesAtOnce) {
		steps = append(steps, step{run: func(ctx context.Context, tx *db.Tx) error {
			_, err := deleteNotes(ctx, tx, r.RowID, some)
			return err
		}})
	}
	for some := range slices.Chunk(fresh, filesAtOnce) {
		steps = append(steps, step{run: func(ctx context.Context, tx *db.Tx) error {
			return insertNotes(ctx, tx, fragInsertNote, r.RowID, some, now)
		}})
	}
	for some := range slices.Chunk(due, filesAtOnce) {
		steps = append(steps, step{
			run: func(ctx context.Context, tx *db.Tx) error { return s.giveUp(ctx, tx, r, p, some) },
			after: func() {
				for _, v := range some {
					done.Files++
					done.Bytes += v.Size
				}
			}})
	}
	return append(steps, step{run: func(ctx context.Context, tx *db.Tx) error { return putScan(ctx, tx, r.RowID, s.state(r, p.refs)) }})
}

// hasMoved reports whether the refs or the setting are not what the plan was made for: a new branch may use an old
// version.
func (s *Service) hasMoved(ctx context.Context, tx *db.Tx, r *repo.Repo, refs []gitstore.Ref) (bool, error) {
	now, err := s.Repos.Get(ctx, tx, r.RowID)
	if err != nil {
		return false, err
	}
	if s.keep(now) != s.keep(r) || s.acts(now) != s.acts(r) || !since(now).Equal(since(r)) {
		return true, nil
	}
	have, err := s.Git.Refs(ctx, tx, r.RowID, "refs/")
	return !slices.Equal(have, refs), err
}

// errWanted says that a file was wanted again since the plan was made.
var errWanted = errors.New("a version is wanted again")

// giveUp ends the repository's right to some files, and says so.
func (s *Service) giveUp(ctx context.Context, tx *db.Tx, r *repo.Repo, p *Plan, due []Version) error {
	files, hashes := make([]xetstore.File, len(due)), make([]xet.Hash, len(due))
	noted := int64(0)
	for i, v := range due {
		if files[i], hashes[i] = v.File, v.Hash; !v.Since.IsZero() {
			noted++
		}
	}
	if held, err := hold.OfRepo(ctx, tx, r.RowID); held || err != nil {
		if err == nil {
			err = errWanted
		}
		return err
	}
	n, err := deleteNotes(ctx, tx, r.RowID, hashes)
	if err != nil {
		return err
	}
	if n < noted {
		return errWanted
	}
	if err := s.Xet.GiveUp(ctx, tx, r.RowID, files, true); err != nil {
		return err
	}
	return event.Append(ctx, tx, event.Event{RepoID: r.RowID, OwnerID: r.OwnerID, Kind: "repo.large.release", At: s.Now(),
		Data: map[string]any{"name": r.ID().String(), "keep": p.Keep, "files": named(due)}})
}

func named(due []Version) []map[string]any {
	out := make([]map[string]any, len(due))
	for i, v := range due {
		out[i] = map[string]any{"path": v.Path, "sha256": v.SHA256.String(), "size": v.Size}
	}
	return out
}

// idle reports that nothing has changed since the repository was looked through, and nothing is due.
func (s *Service) idle(ctx context.Context, r *repo.Repo) (bool, error) {
	seen, err := getScan(ctx, s.DB, r.RowID)
	if err != nil || seen == "" {
		return false, err
	}
	refs, err := s.Git.Refs(ctx, s.DB, r.RowID, "refs/")
	if err != nil || seen != s.state(r, refs) {
		return false, err
	}
	before := s.Now().Add(-s.Grace)
	if since(r).After(before) {
		return true, nil
	}
	due, err := hasDue(ctx, s.DB, r.RowID, before)
	return !due, err
}

// state is what the answer depends on.
func (s *Service) state(r *repo.Repo, refs []gitstore.Ref) string {
	h := sha256.New()
	fmt.Fprintln(h, s.keep(r), since(r).UnixMicro())
	for _, ref := range refs {
		fmt.Fprintln(h, ref.Name, ref.OID)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Wanted forgets the notes of files that somebody sends, names or uses again, in the transaction that does: what is
// superfluous after that is so from then on.
func Wanted(ctx context.Context, tx *db.Tx, repoID string, files []xet.Hash) error {
	n, err := deleteNotes(ctx, tx, repoID, files)
	if err == nil && n > 0 {
		_, err = tx.Exec(ctx, deleteScan, repoID) // so that they are looked at again
	}
	if err == nil {
		n, err = deleteIn(ctx, tx, deleteLost, repoID, files)
	}
	if err == nil && n > 0 {
		_, err = tx.Exec(ctx, deleteLostScan, repoID)
	}
	return errs.Wrap("release.Wanted", err)
}

// Offered is Wanted for files that a client was about to send and need not, because they are there: a commit follows.
func (s *Service) Offered(ctx context.Context, repoID string, files []xet.Hash) error {
	noted, err := hasNotes(ctx, s.DB, repoID, files)
	if err == nil && noted {
		err = s.DB.Tx(ctx, func(tx *db.Tx) error { return Wanted(ctx, tx, repoID, files) })
	}
	return errs.Wrap("release.Offered", err)
}

// DropRepo forgets a repository that is deleted.
func DropRepo(ctx context.Context, tx *db.Tx, repoID string) error {
	return errs.Wrap("release.DropRepo", drop(ctx, tx, repoID, deleteNotedAll, deleteScan, deleteLostAll, deleteLostScan))
}

func drop(ctx context.Context, tx *db.Tx, repoID string, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement, repoID); err != nil {
			return err
		}
	}
	return nil
}
