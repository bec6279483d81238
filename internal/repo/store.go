package repo

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
)

// The columns of Repo: the row and the state of its packs, in one read.
const (
	fragColumns = `r.id, r.type, r.owner_id, r.namespace, r.name, r.created_by, r.visibility,
		r.gated, r.disabled, r.discussions_disabled, r.default_branch, r.created_at, r.modified_at, r.head, r.downloads,
		r.downloads_all, r.likes, r.trending, r.pipeline_tag, r.library_name, r.sdk, r.used_storage, r.lfs_threshold,
		r.lfs_keep_versions, r.lfs_keep_since, r.lfs_suffix_rules, COALESCE(g.pack_seq, 0) AS pack_seq, COALESCE(g.fold_epoch, 0) AS fold_epoch`
	fragJoins = ` LEFT JOIN git_repo g ON g.repo_id = r.id`
)

// oneRepo turns "no row" into nil.
func oneRepo(ctx context.Context, q db.Queryer, query string, args ...any) (*Repo, error) {
	r := &Repo{}
	err := q.Get(ctx, r, query, args...)
	if db.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func byKey(ctx context.Context, q db.Queryer, typ hub.RepoType, key string) (*Repo, error) {
	return oneRepo(ctx, q, `SELECT `+fragColumns+` FROM repo r`+fragJoins+` WHERE r.type = ? AND r.name_key = ? LIMIT 1`, typ, key)
}

func byOldKey(ctx context.Context, q db.Queryer, typ hub.RepoType, key string) (*Repo, error) {
	return oneRepo(ctx, q, `SELECT `+fragColumns+` FROM repo_redirect d JOIN repo r ON r.id = d.repo_id`+fragJoins+
		` WHERE d.type = ? AND d.name_key = ? LIMIT 1`, typ, key)
}

func byRowID(ctx context.Context, q db.Queryer, id string) (*Repo, error) {
	return oneRepo(ctx, q, `SELECT `+fragColumns+` FROM repo r`+fragJoins+` WHERE r.id = ? LIMIT 1`, id)
}

const selectNames = `SELECT id, type, namespace, name FROM repo WHERE id IN (?)`

// What administrators of the hub ask for.
const (
	fragOverview = `SELECT id, type, namespace, name, visibility, disabled, used_storage, created_at, modified_at FROM repo WHERE id > ?`

	fragOverviewOrder = ` ORDER BY id LIMIT ?`

	setDisabled = `UPDATE repo SET disabled = ? WHERE id = ? AND disabled <> ?`
)

// selectOwned finds names with what tells who may see them.
const selectOwned = `SELECT id, type, owner_id, namespace, name, visibility FROM repo WHERE id IN (?)`

// insertRepo adds a row with its name and settings. It reports false when the name is taken.
func insertRepo(ctx context.Context, tx *db.Tx, r *Repo) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, gated,
		discussions_disabled, default_branch, created_at, modified_at, head, lfs_threshold, lfs_keep_versions, lfs_suffix_rules)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (type, name_key) DO NOTHING`,
		r.RowID, r.Type, r.OwnerID, r.Namespace, r.Name, r.ID().Key(), r.CreatedBy, r.Visibility, r.Gated, r.NoDiscussions,
		r.DefaultBranch, r.CreatedAt, r.ModifiedAt, r.Head, r.LFSThreshold, r.LFSKeepVersions, r.LFSSuffixRules)
	if err == nil && n > 0 {
		err = writeWords(ctx, tx, r.RowID, r.Name)
	}
	return n > 0, err
}

func deleteRepo(ctx context.Context, tx *db.Tx, id string) (bool, error) {
	n, err := tx.Exec(ctx, `DELETE FROM repo WHERE id = ?`, id)
	return n > 0, err
}

func renameRepo(ctx context.Context, tx *db.Tx, id, ownerID string, to hub.RepoID) error {
	_, err := tx.Exec(ctx, `UPDATE repo SET owner_id = ?, namespace = ?, name = ?, name_key = ? WHERE id = ?`,
		ownerID, to.Namespace, to.Name, to.Key(), id)
	if err == nil {
		err = writeWords(ctx, tx, id, to.Name)
	}
	return err
}

func updateSettings(ctx context.Context, tx *db.Tx, r *Repo) error {
	_, err := tx.Exec(ctx, `UPDATE repo SET visibility = ?, gated = ?, discussions_disabled = ?, lfs_threshold = ?,
		lfs_keep_versions = ?, lfs_keep_since = ?, lfs_suffix_rules = ? WHERE id = ?`,
		r.Visibility, r.Gated, r.NoDiscussions, r.LFSThreshold, r.LFSKeepVersions, r.LFSKeepSince, r.LFSSuffixRules, r.RowID)
	if err == nil {
		_, err = tx.Exec(ctx, showWords, r.Visibility, r.RowID)
	}
	return err
}

// copyDerived gives a duplicate what was derived from the files that it shares with its source.
func copyDerived(ctx context.Context, tx *db.Tx, from, to string) error {
	var d derivedRow
	err := tx.Get(ctx, &d, `SELECT id, head, modified_at, card, facts, tags, pipeline_tag, library_name, sdk FROM repo WHERE id = ?`, from)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE repo SET head = ?, modified_at = ?, card = ?, facts = ?, tags = ?, pipeline_tag = ?, library_name = ?,
		sdk = ? WHERE id = ?`, d.Head, d.ModifiedAt, d.Card, d.Facts, d.Tags, d.PipelineTag, d.LibraryName, d.SDK, to)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO repo_tag (repo_id, type, tag) SELECT ?, type, tag FROM repo_tag WHERE repo_id = ?`, to, from)
	return err
}
