package filelock

const (
	insertLock = "INSERT INTO lfs_lock (id, repo_id, path, user_id, locked_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	countLocks = "SELECT COUNT(*) FROM lfs_lock WHERE repo_id = ?"
	getLock    = "SELECT id, path, user_id, locked_at FROM lfs_lock WHERE repo_id = ? AND id = ?"
	getByPath  = "SELECT id, path, user_id, locked_at FROM lfs_lock WHERE repo_id = ? AND path = ?"
	listLocks  = "SELECT id, path, user_id, locked_at FROM lfs_lock WHERE repo_id = ? AND path > ? ORDER BY path LIMIT ?"
	listOthers = "SELECT id, path, user_id, locked_at FROM lfs_lock WHERE repo_id = ? AND user_id <> ? ORDER BY path LIMIT ?"
	deleteLock = "DELETE FROM lfs_lock WHERE repo_id = ? AND id = ?"
	deleteRepo = "DELETE FROM lfs_lock WHERE repo_id = ?"
	deleteUser = "DELETE FROM lfs_lock WHERE user_id = ?"
)

// row is a lock as it lies in the table.
type row struct {
	ID       string
	Path     string
	UserID   string `db:"user_id"`
	LockedAt int64  `db:"locked_at"`
}
