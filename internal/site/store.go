package site

const (
	getSetting = `SELECT value FROM site_setting WHERE name = ?`

	putSetting = `
		INSERT INTO site_setting (name, value, updated_at) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`
)
