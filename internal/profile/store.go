package profile

// Profiles.
const (
	getProfile    = `SELECT description, bio, website, socials, picture FROM profile WHERE owner_id = ?`
	deleteProfile = `DELETE FROM profile WHERE owner_id = ?`

	putProfile = `
		INSERT INTO profile (owner_id, description, bio, website, socials, updated_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (owner_id) DO UPDATE SET description = excluded.description, bio = excluded.bio, website = excluded.website,
			socials = excluded.socials, updated_at = excluded.updated_at`
)

// Pictures.
const (
	getPicture    = `SELECT picture FROM profile WHERE owner_id = ?`
	getPictureKey = `SELECT picture_key FROM profile WHERE picture = ? AND picture <> '' LIMIT 1`
	keysShown     = `SELECT picture_key FROM profile WHERE picture_key IN (?) AND picture_key <> ''`
	listPictures  = `SELECT owner_id, picture, picture_key FROM profile WHERE picture <> '' AND owner_id > ? ORDER BY owner_id LIMIT ?`
	getKeyOf      = `SELECT picture_key FROM profile WHERE owner_id = ?`
	keysOfPicture = `SELECT DISTINCT picture_key FROM profile WHERE picture = ? AND picture_key <> ? AND picture_key <> '' LIMIT 10`

	putPicture = `
		INSERT INTO profile (owner_id, picture, picture_key, updated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (owner_id) DO UPDATE SET picture = excluded.picture, picture_key = excluded.picture_key, updated_at = excluded.updated_at`

	dropPicture = `UPDATE profile SET picture = '', picture_key = '', updated_at = ? WHERE owner_id = ? AND picture <> ''`
)

// Who follows whom.
const (
	insertFollow = `
		INSERT INTO follow (follower_id, owner_id, kind, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (follower_id, owner_id) DO NOTHING`

	deleteFollow    = `DELETE FROM follow WHERE follower_id = ? AND owner_id = ?`
	deleteFollowers = `DELETE FROM follow WHERE owner_id = ?`

	countFollow      = `SELECT COUNT(*) FROM follow WHERE follower_id = ? AND owner_id = ?`
	countAllFollowed = `SELECT COUNT(*) FROM follow WHERE follower_id = ?`

	countAround = `
		SELECT (SELECT COUNT(*) FROM follow WHERE owner_id = ?) AS followers,
			(SELECT COUNT(*) FROM follow WHERE follower_id = ? AND kind = 'user') AS following,
			(SELECT COUNT(*) FROM follow WHERE follower_id = ? AND kind = 'org') AS following_orgs`

	listFollowers = `
		SELECT u.id, 'user' AS kind, u.name, u.fullname, f.created_at
		FROM follow f JOIN users u ON u.id = f.follower_id
		WHERE f.owner_id = ? AND f.created_at <= ? AND (f.created_at < ? OR f.follower_id < ?)
		ORDER BY f.created_at DESC, f.follower_id DESC LIMIT ?`

	listFollowedUsers = `
		SELECT u.id, f.kind, u.name, u.fullname, f.created_at
		FROM follow f JOIN users u ON u.id = f.owner_id
		WHERE f.follower_id = ? AND f.kind = 'user' AND f.created_at <= ? AND (f.created_at < ? OR f.owner_id < ?)
		ORDER BY f.created_at DESC, f.owner_id DESC LIMIT ?`

	listFollowedOrgs = `
		SELECT o.id, f.kind, o.name, o.fullname, f.created_at
		FROM follow f JOIN orgs o ON o.id = f.owner_id
		WHERE f.follower_id = ? AND f.kind = 'org' AND f.created_at <= ? AND (f.created_at < ? OR f.owner_id < ?)
		ORDER BY f.created_at DESC, f.owner_id DESC LIMIT ?`
)
