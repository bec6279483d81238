package oauth

const (
	insertDevice = `
		INSERT INTO oauth_device (id, device_hash, user_hash, client, scope, addr, agent, state, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?) ON CONFLICT DO NOTHING`

	countDevices = `SELECT COUNT(*) FROM oauth_device WHERE expires_at > ?`
	purgeDevices = `DELETE FROM oauth_device WHERE expires_at <= ?`

	getByDevice = `
		SELECT id, client, scope, addr, agent, state, user_id, role, created_at, expires_at, polled_at
		FROM oauth_device WHERE device_hash = ?`

	getByID = `
		SELECT id, client, scope, addr, agent, state, user_id, role, created_at, expires_at, polled_at
		FROM oauth_device WHERE id = ? AND user_id = ?`

	claimDevice = `
		UPDATE oauth_device SET user_id = ?
		WHERE user_hash = ? AND state = 'pending' AND expires_at > ? RETURNING id`

	decideDevice = `
		UPDATE oauth_device SET state = ?, role = ?
		WHERE id = ? AND user_id = ? AND state = 'pending' AND expires_at > ?`

	useDevice  = `UPDATE oauth_device SET state = 'used' WHERE id = ? AND state = 'approved'`
	pollDevice = `UPDATE oauth_device SET polled_at = ? WHERE id = ?`
)

const (
	insertGrant = `
		INSERT INTO oauth_grant (id, token_id, user_id, client, scope, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`

	extendGrant  = `UPDATE oauth_grant SET expires_at = ? WHERE id = ?`
	deleteGrant  = `DELETE FROM oauth_grant WHERE id = ?`
	purgeGrants  = `DELETE FROM oauth_grant WHERE user_id = ? AND expires_at <= ?`
	scopeOfToken = `SELECT scope FROM oauth_grant WHERE token_id = ?`

	insertRefresh = `INSERT INTO oauth_refresh (hash, grant_id) VALUES (?, ?)`
	useRefresh    = `UPDATE oauth_refresh SET used = TRUE WHERE hash = ? AND NOT used`

	getRefresh = `
		SELECT g.id, g.token_id, g.user_id, g.client, g.scope, g.expires_at, r.used
		FROM oauth_refresh r JOIN oauth_grant g ON g.id = r.grant_id WHERE r.hash = ?`
)

const (
	countAttempt = `
		INSERT INTO oauth_attempt (key, count, reset_at) VALUES (?, 1, ?)
		ON CONFLICT (key) DO UPDATE SET count = oauth_attempt.count + 1
		RETURNING count, reset_at`

	purgeAttempts = `DELETE FROM oauth_attempt WHERE reset_at <= ? OR key = ? AND reset_at > ?`
)

type deviceRow struct {
	ID        string
	Client    string
	Scope     string
	Addr      string
	Agent     string
	State     string
	UserID    string `db:"user_id"`
	Role      string
	CreatedAt int64 `db:"created_at"`
	ExpiresAt int64 `db:"expires_at"`
	PolledAt  int64 `db:"polled_at"`
}

type refreshRow struct {
	ID        string
	TokenID   string `db:"token_id"`
	UserID    string `db:"user_id"`
	Client    string
	Scope     string
	ExpiresAt int64 `db:"expires_at"`
	Used      bool
}
