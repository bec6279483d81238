package hold

import "github.com/cairnhub/cairn/internal/db"

// loadTable is the table, with the columns that Load fills.
func loadTable() db.Table {
	t := db.Table{Name: "hold"}
	for _, name := range []string{"id", "kind", "reason", "repo_id", "created_at", "heartbeat"} {
		t.Columns = append(t.Columns, db.Column{Name: name})
	}
	return t
}

const (
	insertHold = `INSERT INTO hold (id, kind, reason, repo_id, created_at, until_at, heartbeat) VALUES (?, ?, ?, ?, ?, ?, ?)`
	renewHold  = `UPDATE hold SET until_at = ?, heartbeat = ? WHERE id = ? AND until_at >= ?`
	deleteHold = `DELETE FROM hold WHERE id = ?`
	dropEnded  = `DELETE FROM hold WHERE until_at IS NOT NULL AND until_at < ?`
	listHolds  = `SELECT id, kind, reason, repo_id, created_at, until_at, heartbeat FROM hold
		WHERE until_at IS NULL OR until_at >= ? ORDER BY created_at, id LIMIT ?`
	countLive = `SELECT COUNT(*) FROM hold WHERE repo_id = ? AND (until_at IS NULL OR until_at >= ?)`
	selectOf  = `SELECT DISTINCT repo_id FROM hold WHERE repo_id <> '' AND (until_at IS NULL OR until_at >= ?) AND repo_id IN (?)`
)
