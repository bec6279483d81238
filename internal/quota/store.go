package quota

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
)

const (
	selectRepo = "SELECT repo_id, owner_id, private, large, packs, size_limit FROM quota_repo WHERE repo_id = ?"
	insertRepo = "INSERT INTO quota_repo (repo_id, owner_id, private, large, packs) VALUES (?, ?, ?, ?, ?)"
	updateRepo = "UPDATE quota_repo SET owner_id = ?, private = ?, large = ?, packs = ? WHERE repo_id = ?"
	deleteRepo = "DELETE FROM quota_repo WHERE repo_id = ?"
	limitRepo  = "UPDATE quota_repo SET size_limit = ? WHERE repo_id = ?"

	selectOwner = "SELECT owner_id, kind, private_used, public_used, private_limit, public_limit, stale FROM quota_owner WHERE owner_id = ?"
	insertOwner = "INSERT INTO quota_owner (owner_id, kind, private_used, public_used, stale) VALUES (?, ?, ?, ?, ?)"
	updateOwner = `UPDATE quota_owner SET private_used = private_used + ?, public_used = public_used + ? WHERE owner_id = ?
		RETURNING owner_id, kind, private_used, public_used, private_limit, public_limit, stale`
	staleOwner = "UPDATE quota_owner SET stale = TRUE WHERE owner_id = ?"
	countOwner = "UPDATE quota_owner SET private_used = ?, public_used = ?, stale = FALSE WHERE owner_id = ?"
	limitOwner = `INSERT INTO quota_owner (owner_id, kind, private_limit, public_limit) VALUES (?, ?, ?, ?)
		ON CONFLICT (owner_id) DO UPDATE SET private_limit = excluded.private_limit, public_limit = excluded.public_limit`
	deleteOwner = "DELETE FROM quota_owner WHERE owner_id = ?"

	selectRoom = `SELECT r.repo_id, r.owner_id, r.private, r.large, r.packs, r.size_limit, COALESCE(o.kind, '') AS kind,
		COALESCE(o.private_used, 0) AS private_used, COALESCE(o.public_used, 0) AS public_used, o.private_limit, o.public_limit,
		COALESCE(o.stale, FALSE) AS stale
		FROM quota_repo r LEFT JOIN quota_owner o ON o.owner_id = r.owner_id WHERE r.repo_id = ?`

	selectSome   = "SELECT repo_id, owner_id, private, large, packs, size_limit FROM quota_repo WHERE repo_id IN (?)"
	selectPage   = "SELECT repo_id, owner_id, private, large, packs, size_limit FROM quota_repo WHERE repo_id > ? ORDER BY repo_id LIMIT ?"
	selectOwners = "SELECT owner_id, kind, private_used, public_used, private_limit, public_limit, stale FROM quota_owner WHERE owner_id > ? ORDER BY owner_id LIMIT ?"
	selectSums   = `SELECT owner_id, CAST(SUM(CASE WHEN private THEN large + packs ELSE 0 END) AS BIGINT) AS private,
		CAST(SUM(CASE WHEN private THEN 0 ELSE large + packs END) AS BIGINT) AS public FROM quota_repo WHERE owner_id IN (?) GROUP BY owner_id`
)

// repoRow is a row of quota_repo.
type repoRow struct {
	RepoID    string `db:"repo_id"`
	OwnerID   string `db:"owner_id"`
	Private   bool
	Large     int64
	Packs     int64
	SizeLimit *int64 `db:"size_limit"`
}

func (r repoRow) total() int64 { return r.Large + r.Packs }

// ownerRow is a row of quota_owner.
type ownerRow struct {
	OwnerID      string `db:"owner_id"`
	Kind         account.Kind
	PrivateUsed  int64  `db:"private_used"`
	PublicUsed   int64  `db:"public_used"`
	PrivateLimit *int64 `db:"private_limit"`
	PublicLimit  *int64 `db:"public_limit"`
	Stale        bool   // what is used has to be added up
}

// get reads one row; none is nil.
func get[R any](ctx context.Context, q db.Queryer, query, id string) (*R, error) {
	row := new(R)
	err := q.Get(ctx, row, query, id)
	if db.IsNoRows(err) {
		return nil, nil
	}
	return row, err
}

func getRepo(ctx context.Context, q db.Queryer, id string) (*repoRow, error) {
	return get[repoRow](ctx, q, selectRepo, id)
}

// getRepos reads the rows of a page of repositories by their ids.
func getRepos(ctx context.Context, q db.Queryer, places []Placed) (map[string]repoRow, error) {
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.RepoID
	}
	query, args, err := db.In(selectSome, ids)
	if err != nil {
		return nil, err
	}
	var rows []repoRow
	err = q.Select(ctx, &rows, query, args...)
	found := make(map[string]repoRow, len(rows))
	for _, r := range rows {
		found[r.RepoID] = r
	}
	return found, err
}

func getOwner(ctx context.Context, q db.Queryer, id string) (*ownerRow, error) {
	return get[ownerRow](ctx, q, selectOwner, id)
}

// roomRow is what Room needs, in one read.
type roomRow struct {
	repoRow
	Kind         account.Kind // empty: the owner has no row
	PrivateUsed  int64        `db:"private_used"`
	PublicUsed   int64        `db:"public_used"`
	PrivateLimit *int64       `db:"private_limit"`
	PublicLimit  *int64       `db:"public_limit"`
	Stale        bool
}

func (r *roomRow) owner() ownerRow {
	return ownerRow{r.OwnerID, r.Kind, r.PrivateUsed, r.PublicUsed, r.PrivateLimit, r.PublicLimit, r.Stale}
}

func getRoom(ctx context.Context, q db.Queryer, repoID string) (*roomRow, error) {
	return get[roomRow](ctx, q, selectRoom, repoID)
}

func putRepo(ctx context.Context, tx *db.Tx, r *repoRow, isNew bool) (err error) {
	if isNew {
		_, err = tx.Exec(ctx, insertRepo, r.RepoID, r.OwnerID, r.Private, r.Large, r.Packs)
	} else {
		_, err = tx.Exec(ctx, updateRepo, r.OwnerID, r.Private, r.Large, r.Packs, r.RepoID)
	}
	return err
}

func deleteRepoRow(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, deleteRepo, id)
	return err
}

func putRepoLimit(ctx context.Context, tx *db.Tx, id string, limit *int64) error {
	_, err := tx.Exec(ctx, limitRepo, limit, id)
	return err
}

func putOwnerLimits(ctx context.Context, tx *db.Tx, o *ownerRow) error {
	_, err := tx.Exec(ctx, limitOwner, o.OwnerID, o.Kind, o.PrivateLimit, o.PublicLimit)
	return err
}

// growOwner adds to an owner's row and gives it as it is then.
func growOwner(ctx context.Context, tx *db.Tx, id string, d *delta) (*ownerRow, error) {
	var row ownerRow
	err := tx.Get(ctx, &row, updateOwner, d.private, d.public, id)
	return &row, err
}

// addOwner makes the row, with an owner's first repository.
func addOwner(ctx context.Context, tx *db.Tx, row *ownerRow) error {
	_, err := tx.Exec(ctx, insertOwner, row.OwnerID, row.Kind, row.PrivateUsed, row.PublicUsed, row.Stale)
	return err
}

// spoilOwner says that the row is not kept from now on.
func spoilOwner(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, staleOwner, id)
	return err
}

// sumOwner fills in what a stale row does not know.
func sumOwner(ctx context.Context, q db.Queryer, row *ownerRow) error {
	if !row.Stale {
		return nil
	}
	sums, err := getSums(ctx, q, []string{row.OwnerID})
	row.PrivateUsed, row.PublicUsed = sums[row.OwnerID].Private, sums[row.OwnerID].Public
	return err
}

// keepOwner has a stale row kept again.
func keepOwner(ctx context.Context, tx *db.Tx, row *ownerRow) error {
	if err := sumOwner(ctx, tx, row); err != nil {
		return err
	}
	row.Stale = false
	_, err := tx.Exec(ctx, countOwner, row.PrivateUsed, row.PublicUsed, row.OwnerID)
	return err
}

// ownerName is how a message names an owner.
func ownerName(ctx context.Context, q db.Queryer, id string) (string, error) {
	o, err := account.OwnerByID(ctx, q, id)
	return o.Name, err
}

// sumRow is what an owner's repositories take together.
type sumRow struct {
	OwnerID         string `db:"owner_id"`
	Private, Public int64
}

func getSums(ctx context.Context, q db.Queryer, ids []string) (map[string]sumRow, error) {
	query, args, err := db.In(selectSums, ids)
	if err != nil {
		return nil, err
	}
	var rows []sumRow
	err = q.Select(ctx, &rows, query, args...)
	sums := make(map[string]sumRow, len(rows))
	for _, r := range rows {
		sums[r.OwnerID] = r
	}
	return sums, err
}
