package account

import "database/sql"

// errNoRows is what the cache answers for a proof that has run out.
var errNoRows = sql.ErrNoRows

// Names.
const (
	claimName = `
		INSERT INTO namespace (name_key, kind, owner_id, name) VALUES (?, ?, ?, ?)
		ON CONFLICT (name_key) DO UPDATE
		SET kind = excluded.kind, owner_id = excluded.owner_id, name = excluded.name, held_until = NULL
		WHERE namespace.held_until IS NOT NULL
		  AND (namespace.held_until < ? OR namespace.owner_id = excluded.owner_id)`

	releaseName = `UPDATE namespace SET held_until = ? WHERE name_key = ? AND owner_id = ? AND held_until IS NULL`

	freeNames = `DELETE FROM namespace WHERE owner_id = ?`
	countName = `SELECT COUNT(*) FROM namespace WHERE name_key = ? AND (held_until IS NULL OR held_until >= ?)`
	countHeld = `SELECT COUNT(*) FROM namespace WHERE owner_id = ? AND held_until > ?`

	getFormer = `
		SELECT n.owner_id, n.kind, n.name FROM namespace h JOIN namespace n ON n.owner_id = h.owner_id
		WHERE h.name_key = ? AND h.held_until > ? AND n.held_until IS NULL`

	getNamespaces = `SELECT owner_id, kind, name FROM namespace WHERE owner_id IN (?) AND held_until IS NULL`

	getNamespace = `SELECT owner_id, kind, name FROM namespace WHERE name_key = ? AND held_until IS NULL`

	getOwnerByID = `SELECT owner_id, kind, name FROM namespace WHERE owner_id = ? AND held_until IS NULL LIMIT 1`
)

// Users.
const (
	insertUser = `
		INSERT INTO users (id, name, fullname, email, email_verified, awaits_email, password_hash, site_admin, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

	getUserByID = `
		SELECT id, name, fullname, email, email_verified, awaits_email, password_hash, site_admin, disabled_at, created_at
		FROM users WHERE id = ?`

	getUsersByID = `
		SELECT id, name, fullname, email, email_verified, awaits_email, password_hash, site_admin, disabled_at, created_at
		FROM users WHERE id IN (?)`

	getUserByName = `
		SELECT u.id, u.name, u.fullname, u.email, u.email_verified, u.awaits_email, u.password_hash, u.site_admin, u.disabled_at, u.created_at
		FROM namespace n JOIN users u ON u.id = n.owner_id
		WHERE n.name_key = ? AND n.kind = 'user' AND n.held_until IS NULL`

	getUserByEmail = `
		SELECT id, name, fullname, email, email_verified, awaits_email, password_hash, site_admin, disabled_at, created_at
		FROM users WHERE lower(email) = ? AND email <> ''`

	listUsers = `
		SELECT u.id, u.name, u.fullname, u.email, u.email_verified, u.awaits_email, u.password_hash, u.site_admin, u.disabled_at, u.created_at
		FROM namespace n JOIN users u ON u.id = n.owner_id
		WHERE n.kind = 'user' AND n.held_until IS NULL AND n.name_key > ?
		ORDER BY n.name_key LIMIT ?`

	namesOfUsers  = `SELECT id, name FROM users WHERE id IN (?)`
	countUsers    = `SELECT COUNT(*) FROM users`
	enabledAdmins = `SELECT id FROM users WHERE site_admin AND disabled_at IS NULL LIMIT 2`
	disableUser   = `UPDATE users SET disabled_at = COALESCE(disabled_at, ?) WHERE id = ?`
	enableUser    = `UPDATE users SET disabled_at = NULL WHERE id = ?`
	setFullname   = `UPDATE users SET fullname = ? WHERE id = ?`
	setPassword   = `UPDATE users SET password_hash = ? WHERE id = ?`
	setEmail      = `UPDATE users SET email = ?, email_verified = ?, awaits_email = FALSE WHERE id = ?`
	renameUser    = `UPDATE users SET name = ? WHERE id = ?`
	deleteUser    = `DELETE FROM users WHERE id = ?`
)

// Tokens.
const (
	insertToken = `
		INSERT INTO token (id, user_id, name, hash, hint, role, created_at, expires_at, scopes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

	getToken = `
		SELECT id, user_id, name, hint, role, created_at, last_used_at, expires_at, scopes, barred FROM token WHERE id = ?`

	listTokens = `
		SELECT id, user_id, name, hint, role, created_at, last_used_at, expires_at, scopes, barred
		FROM token WHERE user_id = ? AND revoked_at IS NULL ORDER BY created_at DESC, id DESC`

	findTokens = `
		SELECT id, user_id, name, hint, role, created_at, last_used_at, expires_at, scopes, barred
		FROM token WHERE user_id = ? AND revoked_at IS NULL AND (id = ? OR name = ?) LIMIT 2`

	findTokensByHash = `
		SELECT id, user_id, name, hint, role, created_at, last_used_at, expires_at, scopes, barred
		FROM token WHERE hash IN (?) AND revoked_at IS NULL`

	findTokenByHash = `
		SELECT id, user_id, name, hint, role, created_at, last_used_at, expires_at, scopes, barred
		FROM token WHERE hash = ? AND revoked_at IS NULL`

	getLiveToken = `
		SELECT id, user_id, name, hint, role, created_at, last_used_at, expires_at, scopes, barred
		FROM token WHERE id = ? AND revoked_at IS NULL`

	countTokens = `SELECT COUNT(*) FROM token WHERE user_id = ? AND revoked_at IS NULL`
	rotateToken = `UPDATE token SET hash = ?, hint = ?, rotations = rotations + 1 WHERE id = ?`
	barToken    = `UPDATE token SET barred = barred || CAST(? AS TEXT) WHERE id = ? AND barred NOT LIKE ?`
	revokeToken = `UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`
	touchToken  = `UPDATE token SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)`

	givenTokens = `SELECT id, client FROM token WHERE user_id = ? AND client <> '' AND revoked_at IS NULL`

	insertGivenToken = `
		INSERT INTO token (id, user_id, name, hash, hint, role, created_at, expires_at, client)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

	takenTokenNames = `SELECT name FROM token WHERE user_id = ? AND revoked_at IS NULL AND name IN (?)`

	renewGivenToken = `
		UPDATE token SET hash = ?, hint = ?, expires_at = ?, rotations = rotations + 1
		WHERE id = ? AND user_id = ? AND client <> '' AND revoked_at IS NULL
		  AND EXISTS (SELECT 1 FROM users u WHERE u.id = token.user_id AND u.disabled_at IS NULL)`

	tokensByID = `SELECT id, role, hint, revoked_at FROM token WHERE id IN (?)`

	getActor = `
		SELECT t.id AS token_id, t.name AS token_name, t.role, t.expires_at, t.scopes, t.barred, t.rotations, t.client, u.id AS user_id, u.name, u.site_admin
		FROM token t JOIN users u ON u.id = t.user_id
		WHERE t.hash = ? AND t.revoked_at IS NULL AND u.disabled_at IS NULL`
)

// Sessions and logins.
const (
	insertSession = `
		INSERT INTO session (hash, user_agent, addr, created_at, expires_at, user_id)
		SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), id
		FROM users WHERE id = ? AND password_hash = ? AND disabled_at IS NULL`

	getSession = `
		SELECT u.id AS user_id, u.name, u.site_admin, s.expires_at
		FROM session s JOIN users u ON u.id = s.user_id
		WHERE s.hash = ? AND s.expires_at <= ? AND u.disabled_at IS NULL`

	listSessions = `
		SELECT hash, user_agent, addr, created_at, last_seen_at, expires_at
		FROM session WHERE user_id = ? AND expires_at > ? ORDER BY created_at DESC, hash`

	deleteSession       = `DELETE FROM session WHERE hash = ? RETURNING user_id AS id`
	deleteOtherSessions = `DELETE FROM session WHERE user_id = ? AND hash <> ?`
	touchSession        = `UPDATE session SET last_seen_at = ? WHERE hash = ? AND last_seen_at < ?`
	purgeAllSessions    = `DELETE FROM session WHERE expires_at <= ?`

	deleteSessionsOf = `DELETE FROM session WHERE user_id = ?`
	revokeSession    = `DELETE FROM session WHERE user_id = ? AND substr(hash, 1, 16) = ?`
	purgeSessions    = `DELETE FROM session WHERE user_id = ? AND expires_at <= ?`

	countAttempt = `
		INSERT INTO login_attempt (key, count, reset_at) VALUES (?, 1, ?)
		ON CONFLICT (key) DO UPDATE SET count = login_attempt.count + 1
		RETURNING count, reset_at`

	getAttempt    = `SELECT count, reset_at FROM login_attempt WHERE key = ? AND reset_at > ? AND reset_at <= ?`
	deleteAttempt = `DELETE FROM login_attempt WHERE key = ? RETURNING count`
	purgeAttempts = `DELETE FROM login_attempt WHERE reset_at <= ? OR key = ? AND reset_at > ?`
)

// The hub's own keys.
const (
	getSecret    = `SELECT value FROM secret WHERE name = ?`
	insertSecret = `INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`
)

// What a short-lived token stands on.
const (
	getPresentUser = `
		SELECT '' AS token_id, '' AS token_name, '' AS role, CAST(NULL AS BIGINT) AS expires_at, '' AS scopes, '' AS barred, 0 AS rotations, '' AS client,
			id AS user_id, name, site_admin
		FROM users WHERE id = ? AND disabled_at IS NULL`

	getPresentToken = `
		SELECT t.id AS token_id, t.name AS token_name, t.role, t.expires_at, t.scopes, t.barred, t.rotations, t.client, u.id AS user_id, u.name, u.site_admin
		FROM token t JOIN users u ON u.id = t.user_id
		WHERE u.id = ? AND t.id = ? AND t.revoked_at IS NULL AND u.disabled_at IS NULL`
)

// SSH keys.
const (
	insertSSHKey = `
		INSERT INTO ssh_key (id, user_id, repo_id, may_write, title, algorithm, public_key, fingerprint, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING`

	listSSHKeys = `
		SELECT id, user_id, repo_id, may_write, title, algorithm, public_key, fingerprint, created_at, last_used_at
		FROM ssh_key WHERE user_id = ? ORDER BY created_at DESC, id DESC`

	listDeployKeys = `
		SELECT id, user_id, repo_id, may_write, title, algorithm, public_key, fingerprint, created_at, last_used_at
		FROM ssh_key WHERE repo_id = ? ORDER BY created_at DESC, id DESC`

	getSSHKey = `
		SELECT id, user_id, repo_id, may_write, title, algorithm, public_key, fingerprint, created_at, last_used_at
		FROM ssh_key WHERE fingerprint = ?`

	countSSHKeys    = `SELECT COUNT(*) FROM ssh_key WHERE user_id = ?`
	countDeployKeys = `SELECT COUNT(*) FROM ssh_key WHERE repo_id = ?`

	deleteSSHKey    = `DELETE FROM ssh_key WHERE user_id = ? AND id = ? RETURNING title, fingerprint`
	deleteDeployKey = `DELETE FROM ssh_key WHERE repo_id = ? AND id = ? RETURNING title, fingerprint`
	touchSSHKey     = `UPDATE ssh_key SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)`

	getKeyActor = `
		SELECT k.id, k.title, k.repo_id, k.may_write, k.user_id, u.name, u.site_admin
		FROM ssh_key k LEFT JOIN users u ON u.id = k.user_id
		WHERE k.fingerprint = ? AND u.disabled_at IS NULL`

	getPresentKey = `
		SELECT k.id, k.title, k.repo_id, k.may_write, k.user_id, u.name, u.site_admin
		FROM ssh_key k LEFT JOIN users u ON u.id = k.user_id
		WHERE k.id = ? AND u.disabled_at IS NULL`
)

// OpenPGP keys, and who signs.
const (
	countGPGKeys = `SELECT COUNT(*) FROM gpg_key WHERE user_id = ?`
	insertGPGKey = `INSERT INTO gpg_key (id, user_id, title, fingerprint, armored, created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	fragAddKeyID = `INSERT INTO gpg_key_id (key_id, gpg_id) VALUES (?, ?)`
	fragAnother  = `, (?, ?)`
	listGPGKeys  = `SELECT id, user_id, title, fingerprint, armored, created_at FROM gpg_key WHERE user_id = ? ORDER BY created_at DESC, id DESC`
	deleteGPGKey = `DELETE FROM gpg_key WHERE user_id = ? AND id = ? RETURNING title, fingerprint`

	// The sizes are outside of the window function: SQLite keeps all columns that are named within.
	selectGPGSigners = `
		SELECT k.id, h.named, k.fingerprint, octet_length(k.armored) AS size, h.user_name, h.email
		FROM (
			SELECT k.id, i.key_id AS named, u.name AS user_name, u.email,
				ROW_NUMBER() OVER (PARTITION BY i.key_id
					ORDER BY CASE WHEN lower(u.email) IN (?) THEN 0 ELSE 1 END, k.created_at, k.id) AS place
			FROM gpg_key_id i JOIN gpg_key k ON k.id = i.gpg_id JOIN users u ON u.id = k.user_id
			WHERE i.key_id IN (?)) AS h
		JOIN gpg_key k ON k.id = h.id
		WHERE h.place <= ? ORDER BY k.created_at, k.id`

	selectGPGArmor = `SELECT id, armored FROM gpg_key WHERE id IN (?)`

	selectSSHSigners = `
		SELECT k.id, k.fingerprint AS named, k.fingerprint, 0 AS size, u.name AS user_name, u.email
		FROM ssh_key k JOIN users u ON u.id = k.user_id WHERE k.fingerprint IN (?)`
)

// Addresses that have yet to prove themselves, links to choose a password, invitations.
const (
	putPending = `
		INSERT INTO email_pending (user_id, email, created_at, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (user_id) DO UPDATE
		SET email = excluded.email, code_hash = '', created_at = excluded.created_at, expires_at = excluded.expires_at`

	getPendingOf = `
		SELECT p.user_id, u.name AS user_name, p.email, u.awaits_email, p.expires_at
		FROM email_pending p JOIN users u ON u.id = p.user_id WHERE p.user_id = ?`

	getPendingByCode = `
		SELECT p.user_id, u.name AS user_name, p.email, u.awaits_email, p.expires_at
		FROM email_pending p JOIN users u ON u.id = p.user_id WHERE p.code_hash = ? AND p.code_hash <> ''`

	renewPending   = `UPDATE email_pending SET created_at = ?, expires_at = ? WHERE user_id = ?`
	setPendingCode = `UPDATE email_pending SET code_hash = ? WHERE user_id = ?`
	deletePending  = `DELETE FROM email_pending WHERE user_id = ?`

	// An account that waits for its only address is not robbed of it.
	dropPending = `
		DELETE FROM email_pending WHERE user_id IN (SELECT id FROM users WHERE id = ? AND NOT awaits_email)`

	// An account that waits for its address keeps it for as long as the account is kept.
	purgePending = `
		DELETE FROM email_pending WHERE expires_at <= ? AND user_id IN (SELECT id FROM users WHERE NOT awaits_email)`

	listUnconfirmed = `SELECT id FROM users WHERE awaits_email AND created_at < ? ORDER BY id LIMIT ?`

	insertReset  = `INSERT INTO password_reset (code_hash, user_id, created_at, expires_at) VALUES (?, ?, ?, ?)`
	countResets  = `SELECT COUNT(*) FROM password_reset WHERE user_id = ?`
	getReset     = `SELECT user_id FROM password_reset WHERE code_hash = ? AND expires_at > ?`
	deleteResets = `DELETE FROM password_reset WHERE user_id = ?`
	purgeResets  = `DELETE FROM password_reset WHERE expires_at <= ?`

	insertInvite = `
		INSERT INTO hub_invite (id, code_hash, email, org_id, role, max_uses, created_by, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

	listInvites = `
		SELECT id, email, org_id, role, max_uses, uses, created_by, created_at, expires_at
		FROM hub_invite WHERE id > ? AND expires_at > ? AND uses < max_uses ORDER BY id LIMIT ?`

	getInvite = `
		SELECT id, email, org_id, role, max_uses, uses, created_by, created_at, expires_at
		FROM hub_invite WHERE code_hash = ? AND code_hash <> '' AND expires_at > ? AND uses < max_uses`

	getInviteByID = `
		SELECT id, email, org_id, role, max_uses, uses, created_by, created_at, expires_at
		FROM hub_invite WHERE id = ? AND expires_at > ? AND uses < max_uses`

	setInviteCode = `UPDATE hub_invite SET code_hash = ? WHERE id = ?`
	useInvite     = `UPDATE hub_invite SET uses = uses + 1 WHERE id = ? AND uses < max_uses AND expires_at > ?`
	deleteInvite  = `DELETE FROM hub_invite WHERE id = ?`
	purgeInvites  = `DELETE FROM hub_invite WHERE expires_at <= ?`
)

// What administrators of the hub ask for.
const (
	fragSearchUsers = `
		SELECT u.id, u.name, u.fullname, u.email, u.email_verified, u.awaits_email, u.password_hash, u.site_admin, u.disabled_at, u.created_at
		FROM namespace n JOIN users u ON u.id = n.owner_id
		WHERE n.kind = 'user' AND n.held_until IS NULL AND n.name_key > ?`
	fragUserLike     = ` AND (n.name_key LIKE ? ESCAPE '!' OR lower(u.fullname) LIKE ? ESCAPE '!' OR lower(u.email) LIKE ? ESCAPE '!')`
	fragUserAdmin    = ` AND u.site_admin = ?`
	fragUserDisabled = ` AND (u.disabled_at IS NOT NULL) = ?`
	fragUserOrder    = ` ORDER BY n.name_key LIMIT ?`

	editUser = `UPDATE users SET fullname = ?, email = ?, email_verified = ?, site_admin = ? WHERE id = ?`
)
