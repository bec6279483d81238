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
	membersAmong = `SELECT user_id FROM org_member WHERE org_id = ? AND user_id IN (?)`
	deleteMember = `DELETE FROM org_member WHERE org_id = ? AND user_id = ?`
	rolesOfUser  = `SELECT org_id, role FROM org_member WHERE user_id = ?`
	countLed     = `SELECT COUNT(*) FROM org_member WHERE user_id = ? AND role = 'admin'`

	anotherAdmin = `
		SELECT m.user_id FROM org_member m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = ? AND m.role = 'admin' AND m.user_id <> ? AND u.disabled_at IS NULL AND NOT u.awaits_email LIMIT 1`

	orgsOfUser = `
		SELECT o.id, o.name, o.fullname, m.role
		FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role <> 'no_access' ORDER BY o.name`

	lastAdminOf = `
		SELECT o.name FROM org_member m JOIN orgs o ON o.id = m.org_id
		WHERE m.user_id = ? AND m.role = 'admin' AND NOT EXISTS (
			SELECT 1 FROM org_member a JOIN users u ON u.id = a.user_id
			WHERE a.org_id = m.org_id AND a.role = 'admin' AND a.user_id <> ? AND u.disabled_at IS NULL AND NOT u.awaits_email)
		ORDER BY o.name LIMIT 1`
)

// A page of members, in the order of joining. The parts are put together for the filters that were asked for.
const (
	fragMembers = `
		SELECT m.user_id, m.role, m.created_at, u.name, u.fullname, u.email, u.email_verified, u.disabled_at
		FROM org_member m JOIN users u ON u.id = m.user_id WHERE m.org_id = ?`
	fragWithAccess = ` AND m.role <> 'no_access'`
	fragOfRole     = ` AND m.role = ?`
	fragOfEmail    = ` AND lower(u.email) = ? AND u.email <> ''` // as the index of addresses says
	fragNamed      = ` AND (lower(u.name) LIKE ? ESCAPE '!' OR lower(u.fullname) LIKE ? ESCAPE '!')`
	fragAfter      = ` AND (m.created_at > ? OR m.created_at = ? AND m.user_id > ?)`
	fragInOrder    = ` ORDER BY m.created_at, m.user_id LIMIT ?`
)

// Invitations. A condition on uses and ended_at is the compare-and-swap by which exactly one wins.
const (
	fragInvitation = `
		SELECT i.id, i.org_id, o.name AS org_name, i.role, i.user_id, u.name AS user_name, i.email, i.created_by, b.name AS by_name,
			i.max_uses, i.uses, i.created_at, i.expires_at, i.ended_at
		FROM org_invitation i JOIN orgs o ON o.id = i.org_id
		LEFT JOIN users u ON u.id = i.user_id LEFT JOIN users b ON b.id = i.created_by`

	invitationByID   = fragInvitation + ` WHERE i.id = ?`
	invitationByCode = fragInvitation + ` WHERE i.code_hash = ?`

	openInvitations = fragInvitation + `
		WHERE i.org_id = ? AND i.ended_at IS NULL AND i.uses < i.max_uses AND i.expires_at > ?
		ORDER BY i.created_at DESC, i.id DESC LIMIT ?`

	invitationsFor = fragInvitation + `
		WHERE (i.user_id = ? OR i.email <> '' AND i.email = (SELECT lower(email) FROM users WHERE id = ? AND email_verified))
		  AND i.ended_at IS NULL AND i.uses < i.max_uses AND i.expires_at > ?
		ORDER BY i.created_at DESC, i.id DESC LIMIT ?`

	insertInvitation = `
		INSERT INTO org_invitation (id, org_id, code_hash, role, user_id, email, created_by, max_uses, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	replaceInvitation = `
		UPDATE org_invitation SET ended_at = ?
		WHERE org_id = ? AND (user_id = ? OR email <> '' AND email = ?) AND ended_at IS NULL AND uses < max_uses`

	countInvitations = `
		SELECT COUNT(*) FROM org_invitation WHERE org_id = ? AND ended_at IS NULL AND uses < max_uses AND expires_at > ?`

	purgeInvitations = `DELETE FROM org_invitation WHERE org_id = ? AND (expires_at < ? OR ended_at < ?)`
	endInvitation    = `UPDATE org_invitation SET ended_at = ? WHERE org_id = ? AND id = ? AND ended_at IS NULL AND uses < max_uses`
	insertUse        = `INSERT INTO org_invitation_use (invitation_id, user_id, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	countUse         = `UPDATE org_invitation SET uses = uses + 1 WHERE id = ? AND ended_at IS NULL AND uses < max_uses`
	getPerson        = `SELECT id, name, email, email_verified FROM users WHERE id = ?`

	inviterMay = `
		SELECT u.id FROM users u WHERE u.id = ? AND u.disabled_at IS NULL AND (u.site_admin OR EXISTS (
			SELECT 1 FROM org_member m WHERE m.org_id = ? AND m.user_id = u.id AND m.role = 'admin'))`
)

// Requests to join.
const (
	dropJoinRequest   = `DELETE FROM org_join_request WHERE org_id = ? AND user_id = ?`
	getJoinRequest    = `SELECT denied_at FROM org_join_request WHERE org_id = ? AND user_id = ?`
	denyJoinRequest   = `UPDATE org_join_request SET denied_at = ? WHERE org_id = ? AND user_id = ?`
	countJoinRequests = `SELECT COUNT(*) FROM org_join_request WHERE org_id = ? AND denied_at IS NULL`

	putJoinRequest = `
		INSERT INTO org_join_request (org_id, user_id, message, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (org_id, user_id) DO UPDATE SET message = excluded.message, created_at = excluded.created_at, denied_at = NULL`

	listJoinRequests = `
		SELECT j.user_id, u.name, u.fullname, j.message, j.created_at
		FROM org_join_request j JOIN users u ON u.id = j.user_id
		WHERE j.org_id = ? AND j.denied_at IS NULL AND u.disabled_at IS NULL AND (j.created_at > ? OR j.created_at = ? AND j.user_id > ?)
		ORDER BY j.created_at, j.user_id LIMIT ?`

	adminAddresses = `
		SELECT u.email FROM org_member m JOIN users u ON u.id = m.user_id
		WHERE m.org_id = ? AND m.role = 'admin' AND u.disabled_at IS NULL AND u.email_verified AND u.email <> ''
		ORDER BY m.created_at, m.user_id LIMIT ?`
)
