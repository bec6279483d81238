package org

const (
	insertOrg = `INSERT INTO orgs (id, name, fullname, created_at) VALUES (?, ?, ?, ?)`

	getByName = `
		SELECT o.id, o.name, o.fullname, o.created_at
		FROM namespace n JOIN orgs o ON o.id = n.owner_id
		WHERE n.name_key = ? AND n.kind = 'org' AND n.held_until IS NULL`

	listOrgs = `
		SELECT o.id, o.name, o.fullname, o.created_at
		FROM namespace n JOIN orgs o ON o.id = n.owner_id
		WHERE n.kind = 'org' AND n.held_until IS NULL AND n.name_key > ?
		ORDER BY n.name_key LIMIT ?`
)

const (
	putMember = `
		INSERT INTO org_member (org_id, user_id, role, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role`

	getRole      = `SELECT role FROM org_member WHERE org_id = ? AND user_id = ?`
	deleteMember = `DELETE FROM org_member WHERE org_id = ? AND user_id = ?`
	adminsOf     = `SELECT user_id FROM org_member WHERE org_id = ? AND role = 'admin' LIMIT 2`
	rolesOfUser  = `SELECT org_id, role FROM org_member WHERE user_id = ?`

	orgsOfUser = `
		SELECT o.id, o.name, o.fullname, m.role
		FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role <> 'no_access' ORDER BY o.name`

	listMembers = `
		SELECT user_id, role, created_at FROM org_member
		WHERE org_id = ? AND user_id > ? ORDER BY user_id LIMIT ?`

	lastAdminOf = `
		SELECT o.name FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role = 'admin' AND NOT EXISTS (
			SELECT 1 FROM org_member a WHERE a.org_id = m.org_id AND a.role = 'admin' AND a.user_id <> ?)
		ORDER BY o.name LIMIT 1`
)
