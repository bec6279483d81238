package org

// The columns of orgRow.
const fragOrg = `o.id, o.name, o.fullname, o.default_visibility, o.force_private, o.create_role, o.members_public, o.join_requests, o.created_at`

// Organisations.
const (
	insertOrg = `INSERT INTO orgs (id, name, fullname, created_at) VALUES (?, ?, ?, ?)`
	renameOrg = `UPDATE orgs SET name = ? WHERE id = ?`
	deleteOrg = `DELETE FROM orgs WHERE id = ?`

	updateSettings = `
		UPDATE orgs SET fullname = ?, default_visibility = ?, force_private = ?, create_role = ?, members_public = ?, join_requests = ?
		WHERE id = ?`

	getByID = `SELECT ` + fragOrg + ` FROM orgs o WHERE o.id = ?`

	getByName = `SELECT ` + fragOrg + `
		FROM namespace n JOIN orgs o ON o.id = n.owner_id
		WHERE n.name_key = ? AND n.kind = 'org' AND n.held_until IS NULL`

	listOrgs = `SELECT ` + fragOrg + `
		FROM namespace n JOIN orgs o ON o.id = n.owner_id
		WHERE n.kind = 'org' AND n.held_until IS NULL AND n.name_key > ?
		ORDER BY n.name_key LIMIT ?`
)

// Members.
const (
	putMember = `
		INSERT INTO org_member (org_id, user_id, role, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role`

	insertMember = `INSERT INTO org_member (org_id, user_id, role, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
	setRole      = `UPDATE org_member SET role = ? WHERE org_id = ? AND user_id = ?`
	getRole      = `SELECT role FROM org_member WHERE org_id = ? AND user_id = ?`
	deleteMember = `DELETE FROM org_member WHERE org_id = ? AND user_id = ?`
	rolesOfUser  = `SELECT org_id, role FROM org_member WHERE user_id = ?`
	countLed     = `SELECT COUNT(*) FROM org_member WHERE user_id = ? AND role = 'admin'`

	anotherAdmin = `
		SELECT m.user_id FROM org_member m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = ? AND m.role = 'admin' AND m.user_id <> ? AND u.disabled_at IS NULL LIMIT 1`

	orgsOfUser = `
		SELECT o.id, o.name, o.fullname, m.role
		FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role <> 'no_access' ORDER BY o.name`

	lastAdminOf = `
		SELECT o.name FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role = 'admin' AND NOT EXISTS (
			SELECT 1 FROM org_member a JOIN users u ON u.id = a.user_id
			WHERE a.org_id = m.org_id AND a.role = 'admin' AND a.user_id <> ? AND u.disabled_at IS NULL)
		ORDER BY o.name LIMIT 1`
)

// A page of members, in the order of joining. The parts are put together for the filters that were asked for.
const (
	fragMembers = `
		SELECT m.user_id, m.role, m.created_at, u.name, u.fullname, u.email, u.email_verified, u.disabled_at
		FROM org_member m JOIN users u ON u.id = m.user_id WHERE m.org_id = ?`
	fragWithAccess = ` AND m.role <> 'no_access'`
	fragOfRole     = ` AND m.role = ?`
	fragOfEmail    = ` AND lower(u.email) = ?`
	fragNamed      = ` AND (lower(u.name) LIKE ? ESCAPE '!' OR lower(u.fullname) LIKE ? ESCAPE '!')`
	fragAfter      = ` AND (m.created_at > ? OR m.created_at = ? AND m.user_id > ?)`
	fragInOrder    = ` ORDER BY m.created_at, m.user_id LIMIT ?`
)

// Requests to join.
const dropJoinRequest = `DELETE FROM org_join_request WHERE org_id = ? AND user_id = ?`
