package content

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hold"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

// MaxLargeFiles is how many large files one request may list, delete or copy.
const MaxLargeFiles = 1000

// LargeFiles is a page of the large files that a repository stores, whether or not a revision mentions them, newest
// first. next is the cursor of the following page, empty on the last.
func (s *Service) LargeFiles(ctx context.Context, r *repo.Repo, page hub.Page) (list []xetstore.Stored, next string, err error) {
	after, err := parsePlace(page.Cursor)
	if err != nil {
		return nil, "", err
	}
	list, err = s.xet.Stored(ctx, r.RowID, after, page.Limit+1)
	if err != nil || len(list) <= page.Limit {
		return list, "", err
	}
	list = list[:page.Limit]
	last := list[len(list)-1]
	return list, strconv.FormatInt(last.Since.UnixMicro(), 36) + "." + last.Hash.String(), nil
}

func parsePlace(cursor string) (xetstore.Place, error) {
	if cursor == "" {
		return xetstore.Place{}, nil
	}
	since, hash, _ := strings.Cut(cursor, ".")
	at, err := strconv.ParseInt(since, 36, 64)
	if err == nil && at > 0 {
		if h, err := xet.ParseHash(hash); err == nil {
			return xetstore.Place{Since: time.UnixMicro(at), Hash: h}, nil
		}
	}
	return xetstore.Place{}, errs.New(errs.Invalid, "The cursor is not one that this list gave")
}

// name records what large files are called, in the transaction that commits them.
func (s *Service) name(repoID, ref string, actor hub.Actor, files []xetstore.Named) inTx {
	return func(ctx context.Context, tx *db.Tx) error {
		if len(files) == 0 {
			return nil
		}
		return s.xet.Name(ctx, tx, repoID, ref, actor.UserID, files)
	}
}

// ParseLargeIDs reads the ids by which large files are deleted: SHA-256 or, of files that were never hashed, Xet hash.
func ParseLargeIDs(texts []string) ([]hub.SHA256, error) {
	if len(texts) == 0 || len(texts) > MaxLargeFiles {
		return nil, errs.New(errs.Invalid, "Name 1 to %d large files.", MaxLargeFiles)
	}
	seen := map[hub.SHA256]bool{}
	var ids []hub.SHA256
	for _, t := range texts {
		b, err := hex.DecodeString(t)
		if err != nil || len(b) != len(hub.SHA256{}) {
			return nil, errs.New(errs.Invalid, "%.80q is not the id of a large file: it takes the fileOid of 64 hex digits that the list of large files gives.", t)
		}
		if id := hub.SHA256(b); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// DeleteLarge deletes large files from a repository for good. With rewrite every commit of every ref is made anew
// without them, so that old commits are reached no more; without it their pointers stay, and who asks for the bytes is
// told that they were deleted. An id that the repository neither has nor had is errs.NotFound, and nothing is done.
func (s *Service) DeleteLarge(ctx context.Context, actor hub.Actor, r *repo.Repo, ids []hub.SHA256, rewrite bool) error {
	d := &removal{s: s, actor: actor, repo: r, ids: ids}
	if !rewrite {
		err := s.db.Tx(ctx, func(tx *db.Tx) error { return d.remove(ctx, tx) })
		if err == nil {
			s.refreshNow(ctx, r.RowID) // what the files said may be gone
		}
		return err
	}
	if err := take(ctx, s.rewriting, workWait); err != nil {
		return err
	}
	defer s.rewriting.Give()
	// A long history takes longer than the patience of some proxies: what was begun is ended, so that asking again
	// finds it done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rewriteTime)
	defer cancel()
	return d.rewrite(ctx)
}

const (
	rewritesAtOnce = 2 // of one process: each holds about 200 bytes for each object that it makes
	rewriteTime    = 30 * time.Minute
)

// removal is a deletion of large files under way.
type removal struct {
	s     *Service
	actor hub.Actor
	repo  *repo.Repo
	ids   []hub.SHA256
}

// remove takes the files out of the store's rows.
func (d *removal) remove(ctx context.Context, tx *db.Tx) error {
	files, err := d.known(ctx, tx)
	if err != nil {
		return err
	}
	if held, err := hold.OfRepo(ctx, tx, d.repo.RowID); held || err != nil {
		if err == nil {
			err = errs.New(errs.Forbidden, "The administrators of this hub keep what this repository has: nothing can be deleted for good. Ask them.")
		}
		return err
	}
	d.s.quota.Allow(ctx, tx)
	if err := d.s.xet.Remove(ctx, tx, d.repo.RowID, files); err != nil {
		return err
	}
	err = event.Append(ctx, tx, event.Event{RepoID: d.repo.RowID, OwnerID: d.repo.OwnerID, Kind: "repo.large.delete", ActorID: d.actor.UserID,
		Data: map[string]any{"files": texts(d.ids)}})
	if err != nil {
		return err
	}
	return d.s.enqueueRefresh(ctx, tx, d.repo.RowID)
}

// known are the files to remove; one that was deleted before, and may still be in the history, is no error.
func (d *removal) known(ctx context.Context, q db.Queryer) ([]xetstore.File, error) {
	files, unknown, err := d.s.xet.Known(ctx, q, d.repo.RowID, d.ids)
	if err == nil && len(unknown) > 0 {
		err = errs.New(errs.NotFound, "This repository has no large file %s. Nothing was deleted.", unknown[0]).With("unknown", texts(unknown))
	}
	return files, err
}

func texts(ids []hub.SHA256) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// rewrite makes the history anew: most of it while others go on to commit, then what has come since in a turn of its
// own, and one transaction moves all refs and removes the files.
func (d *removal) rewrite(ctx context.Context) error {
	if _, err := d.known(ctx, nil); err != nil {
		return err
	}
	view, err := d.s.git.Open(ctx, d.repo.RowID)
	if err != nil {
		return err
	}
	drop := map[hub.SHA256]bool{}
	for _, id := range d.ids {
		drop[id] = true
	}
	rw := gitstore.NewRewrite(view, func(i gitstore.Info) bool { return i.Pointer != nil && drop[i.Pointer.SHA256] })
	w := d.s.git.NewPack(ctx, d.repo.RowID)
	defer func() { w.Abort() }()
	rw.Write(w)
	if _, _, err := d.moves(ctx, rw); err != nil {
		return err
	}
	done, err := d.s.turns.Take(ctx, d.repo.RowID)
	if err != nil {
		return err
	}
	defer done()
	var packs []*gitstore.Pack
	for range commitRetry {
		refs, ups, err := d.moves(ctx, rw)
		if err != nil {
			return err
		}
		pack, err := w.Finish(ctx)
		if err != nil {
			return err
		}
		packs = append(packs, pack)
		if err = d.land(ctx, packs, refs, ups); !errs.Is(err, errs.Conflict) {
			return err
		}
		w = d.s.git.NewPack(ctx, d.repo.RowID)
		rw.Write(w)
	}
	return errs.New(errs.Unavailable, "The refs move too fast to rewrite them; try again.")
}

// moves is where refs are and where the rewritten history puts them.
func (d *removal) moves(ctx context.Context, rw *gitstore.Rewrite) (refs []gitstore.Ref, ups []gitstore.RefUpdate, err error) {
	refs, err = d.s.git.Refs(ctx, d.s.db, d.repo.RowID, "refs/")
	if err != nil {
		return nil, nil, err
	}
	if concerned, err := rw.Concerned(ctx); err != nil || !concerned {
		return refs, nil, err
	}
	for _, ref := range refs {
		to, err := rw.Object(ctx, ref.OID)
		if err != nil {
			return nil, nil, err
		}
		if to != ref.OID {
			ups = append(ups, gitstore.RefUpdate{Name: ref.Name, Old: ref.OID, New: to})
		}
	}
	return refs, ups, nil
}

// land moves the refs and removes the files, if no ref has moved or come since it was read: it would keep the files.
func (d *removal) land(ctx context.Context, packs []*gitstore.Pack, read []gitstore.Ref, ups []gitstore.RefUpdate) error {
	err := d.s.publishRefs(ctx, d.actor, d.repo, packs, ups, func(gitstore.RefUpdate) string { return "repo.rewrite" }, true,
		func(ctx context.Context, tx *db.Tx) error {
			now, err := d.s.git.Refs(ctx, tx, d.repo.RowID, "refs/")
			if err != nil {
				return err
			}
			if !sameAfter(read, now, ups) {
				return errs.New(errs.Conflict, "The refs have moved meanwhile")
			}
			return d.remove(ctx, tx)
		})
	if err == nil {
		d.s.afterPush(ctx, d.repo, ups)
	}
	return err
}

// sameAfter reports whether refs are what they were, but for some updates.
func sameAfter(before, now []gitstore.Ref, ups []gitstore.RefUpdate) bool {
	want := map[string]hub.OID{}
	for _, r := range before {
		want[r.Name] = r.OID
	}
	for _, u := range ups {
		if want[u.Name] = u.New; u.New.IsZero() {
			delete(want, u.Name)
		}
	}
	for _, r := range now {
		if want[r.Name] != r.OID {
			return false
		}
	}
	return len(now) == len(want)
}
