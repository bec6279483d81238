package gitstore

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Revision is a commit and, when it was named by one, the ref's full name.
type Revision struct {
	Commit hub.OID
	Ref    string
}

// Resolve finds the commit that a revision names: a commit's 40 hex digits, "HEAD", a full ref, a branch, a tag, or an
// unambiguous start of at least 7 digits. Tags are peeled. A commit named by its id must be in the history of some ref,
// so what was squashed away is gone. errs.RevisionNotFound when there is none.
func (r *Repo) Resolve(ctx context.Context, q db.Queryer, rev string) (Revision, error) {
	if oid, err := hub.ParseOID(rev); err == nil {
		if ok, err := r.isPublished(ctx, q, oid); ok || err != nil {
			return Revision{Commit: oid}, err
		}
	}
	for _, name := range refNames(rev) {
		oid, ok, err := r.s.Ref(ctx, q, r.id, name)
		if err != nil {
			return Revision{}, err
		}
		if ok {
			commit, err := r.peel(ctx, oid)
			return Revision{commit, name}, err
		}
	}
	if len(rev) >= 7 && len(rev) < 40 && isHex(rev) {
		return r.resolveShort(ctx, q, rev)
	}
	return Revision{}, errs.RevisionNotFound(rev)
}

// refNames are the refs that a name may mean, in git's order but with branches before tags, as on the Hub.
func refNames(rev string) []string {
	switch {
	case rev == "HEAD" || rev == "":
		return []string{"refs/heads/" + DefaultBranch}
	case strings.HasPrefix(rev, "refs/"):
		return []string{rev, "refs/heads/" + rev, "refs/tags/" + rev}
	}
	return []string{"refs/heads/" + rev, "refs/tags/" + rev}
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// peel follows tags to a commit. What is neither: errs.NotFound.
func (r *Repo) peel(ctx context.Context, oid hub.OID) (hub.OID, error) {
	if !r.Has(oid) {
		if _, err := r.catchUp(ctx); err != nil {
			return oid, err
		}
	}
	for range 10 {
		switch kind, ok := r.Kind(oid); {
		case !ok:
			return oid, notFound(oid)
		case kind == git.KindCommit:
			return oid, nil
		case kind != git.KindTag:
			return oid, errs.New(errs.NotFound, "Git object %s is a %s, not a commit", oid, kind)
		}
		t, err := r.Tag(ctx, oid)
		if err != nil {
			return oid, err
		}
		oid = t.Object
	}
	return oid, errs.New(errs.Unprocessable, "Tags of tags are nested too deeply")
}

// isPublished reports whether oid is a commit in the history of a ref. The default branch is asked first: it nearly
// always has it.
func (r *Repo) isPublished(ctx context.Context, q db.Queryer, oid hub.OID) (bool, error) {
	if !r.Has(oid) {
		if _, err := r.catchUp(ctx); err != nil {
			return false, err
		}
	}
	if k, _ := r.Kind(oid); k != git.KindCommit {
		return false, nil
	}
	tip, ok, err := r.s.Ref(ctx, q, r.id, "refs/heads/"+DefaultBranch)
	if err != nil {
		return false, err
	}
	if ok {
		if found, err := r.IsAncestor(ctx, oid, tip); found || err != nil {
			return found, err
		}
	}
	refs, err := r.s.Refs(ctx, q, r.id, "refs/")
	if err != nil {
		return false, err
	}
	var tips []hub.OID
	for _, ref := range refs {
		commit, err := r.peel(ctx, ref.OID)
		if err != nil {
			continue // a tag of a tree or a blob has no history; a ref newer than this view is none of it
		}
		tips = append(tips, commit)
	}
	if len(tips) == 0 {
		return false, nil
	}
	return r.reachable(ctx, oid, tips)
}

func (r *Repo) resolveShort(ctx context.Context, q db.Queryer, rev string) (Revision, error) {
	candidates := map[hub.OID]bool{}
	for _, p := range r.st.Load().all() {
		p.cat.Prefix(rev, func(i int) bool {
			if p.cat.Kind(i) == git.KindCommit {
				candidates[p.cat.OID(i)] = true
			}
			return len(candidates) < 16
		})
	}
	var found []hub.OID
	for oid := range candidates {
		ok, err := r.isPublished(ctx, q, oid)
		if err != nil {
			return Revision{}, err
		}
		if ok {
			found = append(found, oid)
		}
	}
	if len(found) != 1 {
		return Revision{}, errs.RevisionNotFound(rev)
	}
	return Revision{Commit: found[0]}, nil
}
