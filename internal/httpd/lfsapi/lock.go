package lfsapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/filelock"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
)

// Source: https://github.com/git-lfs/git-lfs/blob/main/docs/api/locking.md. The refs that requests name are not looked at: a
// lock holds on all branches.

// lockDoc is a lock as clients read it.
type lockDoc struct {
	ID       string `json:"id"`
	Path     string `json:"path"`
	LockedAt string `json:"locked_at"`
	Owner    struct {
		Name string `json:"name"`
	} `json:"owner"`
}

func docOf(l filelock.Lock) (d lockDoc) {
	d.ID, d.Path, d.LockedAt = l.ID, l.Path, l.LockedAt.Truncate(time.Second).Format(time.RFC3339)
	d.Owner.Name = l.Owner
	return d
}

func (a *API) createLock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Path string `json:"path"`
	}
	if err := httpd.ReadJSON(w, r, lfs.MaxBatch, &in); err != nil {
		return err
	}
	if err := content.CheckPath(in.Path); err != nil {
		return err
	}
	st := httpd.Of(r)
	lock, err := a.Locks.Create(r.Context(), st.Actor, st.Repo.Row(), in.Path)
	if err != nil && lock != nil {
		return errs.New(errs.Conflict, "already created lock: %s holds %s", lock.Owner, lock.Path).With("lock", docOf(*lock))
	}
	if err != nil {
		return err
	}
	return answerStatus(w, http.StatusCreated, map[string]any{"lock": docOf(*lock)})
}

func (a *API) listLocks(w http.ResponseWriter, r *http.Request) error {
	q, repoID := r.URL.Query(), httpd.Of(r).Repo.RowID
	var lock *filelock.Lock
	var err error
	switch {
	case q.Get("id") != "":
		lock, err = a.Locks.Get(r.Context(), repoID, q.Get("id"))
	case q.Get("path") != "":
		lock, err = a.Locks.ByPath(r.Context(), repoID, q.Get("path"))
	default:
		return a.pageOfLocks(w, r)
	}
	docs := []lockDoc{}
	switch {
	case errs.Is(err, errs.NotFound):
	case err != nil:
		return err
	case q.Get("path") == "" || q.Get("path") == lock.Path:
		docs = append(docs, docOf(*lock))
	}
	return answer(w, map[string]any{"locks": docs})
}

func (a *API) pageOfLocks(w http.ResponseWriter, r *http.Request) error {
	p := hub.Page{Cursor: r.URL.Query().Get("cursor")}
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return errs.New(errs.Invalid, "limit must be a number")
		}
		p.Limit = n
	}
	locks, next, err := a.Locks.List(r.Context(), httpd.Of(r).Repo.RowID, p)
	if err != nil {
		return err
	}
	docs := make([]lockDoc, len(locks))
	for i := range locks {
		docs[i] = docOf(locks[i])
	}
	return answer(w, lockPage(map[string]any{"locks": docs}, next))
}

func lockPage(page map[string]any, next string) map[string]any {
	if next != "" {
		page["next_cursor"] = next
	}
	return page
}

// verifyLocks tells who is about to push which locks are theirs and which are not: the client leaves its push if that
// changes what others hold.
func (a *API) verifyLocks(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Cursor string `json:"cursor"`
		Limit  int    `json:"limit"`
	}
	if err := httpd.ReadJSON(w, r, lfs.MaxBatch, &in); err != nil {
		return err
	}
	st := httpd.Of(r)
	locks, next, err := a.Locks.List(r.Context(), st.Repo.RowID, hub.Page{Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return err
	}
	ours, theirs := []lockDoc{}, []lockDoc{}
	for _, l := range locks {
		if l.UserID == st.Actor.UserID {
			ours = append(ours, docOf(l))
		} else {
			theirs = append(theirs, docOf(l))
		}
	}
	return answer(w, lockPage(map[string]any{"ours": ours, "theirs": theirs}, next))
}

// unlock ends a lock: one's own, or with force another's, which is for those who may change the repository's settings.
func (a *API) unlock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Force bool `json:"force"`
	}
	if err := httpd.ReadJSON(w, r, lfs.MaxBatch, &in); err != nil {
		return err
	}
	st, id := httpd.Of(r), httpd.Param(r, "lock")
	if in.Force {
		lock, err := a.Locks.Get(r.Context(), st.Repo.RowID, id)
		if err != nil {
			return err
		}
		if lock.UserID != st.Actor.UserID {
			if err := a.Authz.Repo(r.Context(), st.Actor, st.Repo.Subject(), authz.RepoSettings); err != nil {
				return err
			}
		}
	}
	lock, err := a.Locks.Delete(r.Context(), st.Actor, st.Repo.Row(), id, in.Force)
	if err != nil {
		return err
	}
	return answer(w, map[string]any{"lock": docOf(*lock)})
}
