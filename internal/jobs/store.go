package jobs

const (
	insertJob = `
		INSERT INTO job (kind, dedup_key, payload, run_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, dedup_key) WHERE dedup_key <> '' AND lease_until = 0 AND failed_at IS NULL
		DO UPDATE SET payload = excluded.payload,
			run_at = CASE WHEN excluded.run_at < job.run_at THEN excluded.run_at ELSE job.run_at END`

	findDue = `
		SELECT id, lease_until FROM job
		WHERE failed_at IS NULL AND run_at <= ? AND (lease_until < ? OR lease_until > ?) ORDER BY run_at, id LIMIT 1`

	takeJob = `
		UPDATE job SET lease_until = ?, attempts = attempts + 1
		WHERE id = ? AND lease_until = ? AND run_at <= ? AND failed_at IS NULL
		RETURNING id, kind, dedup_key, payload, attempts, lease_until`

	renewJob    = `UPDATE job SET lease_until = ? WHERE id = ? AND lease_until = ?`
	returnJob   = `UPDATE job SET lease_until = 0, run_at = ?, attempts = ?, last_error = ? WHERE id = ? AND lease_until = ?`
	failJob     = `UPDATE job SET lease_until = 0, failed_at = ?, last_error = ? WHERE id = ? AND lease_until = ?`
	deleteJob   = `DELETE FROM job WHERE id = ? AND lease_until = ?`
	hastenJob   = `UPDATE job SET run_at = ? WHERE kind = ? AND run_at > ? AND lease_until = 0`
	orphanJobs  = `UPDATE job SET lease_until = 1 WHERE lease_until > 1 AND failed_at IS NULL`
	countBeyond = `SELECT COUNT(*) FROM job WHERE run_at > ? AND lease_until = 0 AND failed_at IS NULL`
	recallJobs  = `UPDATE job SET run_at = ? WHERE run_at > ? AND lease_until = 0 AND failed_at IS NULL`

	countWaiting = `
		SELECT COUNT(*) FROM job
		WHERE kind = ? AND dedup_key = ? AND dedup_key <> '' AND lease_until = 0 AND failed_at IS NULL`

	countRunning = `SELECT COUNT(*) FROM job WHERE kind = ? AND dedup_key = ? AND lease_until >= ? AND failed_at IS NULL`

	countKind = `SELECT COUNT(*) FROM job WHERE kind = ? AND failed_at IS NULL`

	countJobs = `
		SELECT COUNT(CASE WHEN failed_at IS NULL AND lease_until < ? THEN 1 END) AS waiting,
			COUNT(CASE WHEN failed_at IS NULL AND lease_until >= ? THEN 1 END) AS running,
			COUNT(failed_at) AS failed
		FROM job`

	listJobs = `
		SELECT id, kind, lease_until >= ? AS running, run_at, attempts, last_error, failed_at FROM job
		WHERE id > ? AND (CAST(? AS TEXT) = '' OR CAST(? AS TEXT) =
			CASE WHEN failed_at IS NOT NULL THEN 'failed' WHEN lease_until >= ? THEN 'running' WHEN lease_until < ? THEN 'waiting' END)
		ORDER BY id LIMIT ?`

	retryJob = `UPDATE job SET failed_at = NULL, attempts = 0, lease_until = 0, run_at = ? WHERE id = ? AND lease_until < ? RETURNING kind`
)
