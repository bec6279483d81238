package gitstore

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// Ref is a branch, a tag or another name for an object.
type Ref struct {
	Name      string // refs/heads/main
	OID       hub.OID
	UpdatedAt int64 // unix microseconds
}

// RefUpdate moves one ref. Zero Old: it must not exist. Zero New: delete it.
type RefUpdate struct {
	Name     string
	Old, New hub.OID
	Forward  bool // Old is known to be in New's history, so the move takes nothing out of reach
}

type refRow struct {
	Name      string `db:"name"`
	OID       string `db:"oid"`
	UpdatedAt int64  `db:"updated_at"`
}

func (r refRow) ref() (Ref, error) {
	oid, err := hub.ParseOID(r.OID)
	return Ref{Name: r.Name, OID: oid, UpdatedAt: r.UpdatedAt}, err
}

// Ref is the object that a ref names, and whether the ref exists.
func (s *Store) Ref(ctx context.Context, q db.Queryer, repoID, name string) (hub.OID, bool, error) {
	if !db.IsText(name) {
		return hub.OID{}, false, nil
	}
	var row refRow
	err := q.Get(ctx, &row, `SELECT name, oid, updated_at FROM git_ref WHERE repo_id = ? AND name = ?`, repoID, name)
	if db.IsNoRows(err) {
		return hub.OID{}, false, nil
	}
	if err != nil {
		return hub.OID{}, false, errs.Wrap("gitstore.Ref", err)
	}
	ref, err := row.ref()
	return ref.OID, err == nil, errs.Wrap("gitstore.Ref", err)
}

// Refs are the refs whose names start with prefix, in the order of their bytes.
func (s *Store) Refs(ctx context.Context, q db.Queryer, repoID, prefix string) ([]Ref, error) {
	var rows []refRow
	err := q.Select(ctx, &rows, `SELECT name, oid, updated_at FROM git_ref
		WHERE repo_id = ? AND name >= ? AND name < ? ORDER BY name`, repoID, prefix, prefixEnd(prefix))
	if err != nil {
		return nil, errs.Wrap("gitstore.Refs", err)
	}
	refs := make([]Ref, len(rows))
	for i, row := range rows {
		if refs[i], err = row.ref(); err != nil {
			return nil, errs.Wrap("gitstore.Refs", err)
		}
	}
	return refs, nil
}

// prefixEnd is a string after all that start with prefix and are made of characters that refs may have.
func prefixEnd(prefix string) string { return prefix + "\U0010ffff" }

// MaxRefs is how many refs a repository may have: every clone is told all of them.
const MaxRefs = 100_000

// UpdateRefs moves refs by compare-and-swap, deletions first. errs.Conflict: a ref is not where it was expected, or a
// new name and an existing one are a folder of each other; errs.TooLarge: there would be more than MaxRefs. Then tx must
// roll back. Where refs leave from is noted for Collect. What it names must be in the repository: Publish sees to that.
func (s *Store) UpdateRefs(ctx context.Context, tx *db.Tx, repoID string, ups []RefUpdate) error {
	for _, up := range ups {
		if up.New.IsZero() {
			if err := s.deleteRef(ctx, tx, repoID, up); err != nil {
				return err
			}
		}
	}
	if err := s.checkRoom(ctx, tx, repoID, ups); err != nil {
		return err
	}
	for _, up := range ups {
		if !up.New.IsZero() {
			if err := s.setRef(ctx, tx, repoID, up); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRoom refuses new refs over MaxRefs.
func (s *Store) checkRoom(ctx context.Context, tx *db.Tx, repoID string, ups []RefUpdate) error {
	more := 0
	for _, up := range ups {
		if up.Old.IsZero() {
			more++
		}
	}
	if more == 0 {
		return nil
	}
	var have int
	if err := tx.Get(ctx, &have, `SELECT count(*) FROM git_ref WHERE repo_id = ?`, repoID); err != nil {
		return errs.Wrap("gitstore.UpdateRefs", err)
	}
	if have+more > MaxRefs {
		return TooManyRefs()
	}
	return nil
}

// TooManyRefs refuses a new ref.
func TooManyRefs() error {
	return errs.New(errs.TooLarge, "A repository may have at most %d branches, tags and other refs: delete some that nobody needs.", MaxRefs)
}

func (s *Store) deleteRef(ctx context.Context, tx *db.Tx, repoID string, up RefUpdate) error {
	if up.Old.IsZero() {
		return errs.New(errs.Invalid, "Ref %s has neither an old nor a new value", up.Name)
	}
	n, err := tx.Exec(ctx, `DELETE FROM git_ref WHERE repo_id = ? AND name = ? AND oid = ?`, repoID, up.Name, up.Old.String())
	if err := moved(up, n, err); err != nil {
		return err
	}
	return s.noteDropped(ctx, tx, repoID, up.Old)
}

func (s *Store) setRef(ctx context.Context, tx *db.Tx, repoID string, up RefUpdate) error {
	if !up.Old.IsZero() {
		n, err := tx.Exec(ctx, `UPDATE git_ref SET oid = ?, updated_at = ? WHERE repo_id = ? AND name = ? AND oid = ?`,
			up.New.String(), now(tx), repoID, up.Name, up.Old.String())
		if err := moved(up, n, err); err != nil || up.Forward {
			return err
		}
		return s.noteDropped(ctx, tx, repoID, up.Old)
	}
	if err := git.CheckRefName(up.Name); err != nil {
		return errs.New(errs.Invalid, "Invalid ref name: %v", err)
	}
	if err := s.checkFolders(ctx, tx, repoID, up.Name); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO git_ref (repo_id, name, oid, updated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (repo_id, name) DO NOTHING`, repoID, up.Name, up.New.String(), now(tx))
	return moved(up, n, err)
}

func moved(up RefUpdate, rows int64, err error) error {
	if err != nil {
		return errs.Wrap("gitstore.UpdateRefs", err)
	}
	if rows != 1 {
		return errs.New(errs.Conflict, "Ref %s has changed meanwhile", up.Name)
	}
	return nil
}

// checkFolders refuses refs/heads/a beside refs/heads/a/b: git keeps refs as files and could not clone both.
func (s *Store) checkFolders(ctx context.Context, tx *db.Tx, repoID, name string) error {
	names := []string{}
	err := tx.Select(ctx, &names, `SELECT name FROM git_ref WHERE repo_id = ? AND name >= ? AND name < ? ORDER BY name LIMIT 1`,
		repoID, name+"/", name+"0") // '0' is the character after '/'
	if err != nil {
		return errs.Wrap("gitstore.UpdateRefs", err)
	}
	for i := strings.LastIndexByte(name, '/'); i > 0 && len(names) == 0; i = strings.LastIndexByte(name[:i], '/') {
		if _, ok, err := s.Ref(ctx, tx, repoID, name[:i]); err != nil {
			return err
		} else if ok {
			names = append(names, name[:i])
		}
	}
	if len(names) > 0 {
		return errs.New(errs.Conflict, "Ref %s cannot exist beside %s", name, names[0])
	}
	return nil
}
