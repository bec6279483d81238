package backup

const (
	upsertMade = `INSERT INTO backup_made (kind, id, taken_at, finished_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind) DO UPDATE SET id = excluded.id, taken_at = excluded.taken_at, finished_at = excluded.finished_at`
	selectMade = `SELECT kind, id, taken_at, finished_at FROM backup_made`
)
