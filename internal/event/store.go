package event

import (
	"encoding/json"
	"time"
)

const (
	insertEvent = `
		INSERT INTO event (repo_id, owner_id, kind, actor_id, actor_name, token_id, addr, user_agent, data, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	fragColumns = `id, repo_id, owner_id, kind, actor_id, actor_name, token_id, addr, user_agent, data, created_at`

	selectAfter = `SELECT ` + fragColumns + ` FROM event WHERE id > ? AND (created_at <= ? OR created_at > ?) ORDER BY id LIMIT ?`

	fragList   = `SELECT ` + fragColumns + ` FROM event WHERE id < ?`
	fragNewest = ` ORDER BY id DESC LIMIT ?`
)

// Seals.
const (
	insertSeal       = `INSERT INTO event_seal (seq, event_id, hash, sealed_at) VALUES (?, ?, ?, ?)`
	selectLastSeal   = `SELECT seq, event_id, hash FROM event_seal ORDER BY seq DESC LIMIT 1`
	selectMostSealed = `SELECT COALESCE(MAX(event_id), 0) FROM event_seal`

	selectUnsealed = `
		SELECT ` + fragColumns + ` FROM event
		WHERE id > ? AND (created_at <= ? OR created_at > ?) AND NOT EXISTS (SELECT 1 FROM event_seal s WHERE s.event_id = event.id)
		ORDER BY id LIMIT ?`

	countUnsealed = `
		SELECT COUNT(*) FROM event WHERE id > ? AND NOT EXISTS (SELECT 1 FROM event_seal s WHERE s.event_id = event.id)`

	selectStray = `
		SELECT COALESCE(MIN(id), 0) FROM event WHERE id <= ? AND NOT EXISTS (SELECT 1 FROM event_seal s WHERE s.event_id = event.id)`

	selectChain = `
		SELECT s.seq, s.hash, s.event_id, e.id, e.repo_id, e.owner_id, e.kind, e.actor_id, e.actor_name, e.token_id, e.addr,
			e.user_agent, e.data, e.created_at
		FROM event_seal s LEFT JOIN event e ON e.id = s.event_id
		WHERE s.seq > ? ORDER BY s.seq LIMIT ?`
)

// row is an event as it lies in the table.
type row struct {
	ID        int64  `db:"id"`
	RepoID    string `db:"repo_id"`
	OwnerID   string `db:"owner_id"`
	Kind      string `db:"kind"`
	ActorID   string `db:"actor_id"`
	ActorName string `db:"actor_name"`
	TokenID   string `db:"token_id"`
	Addr      string `db:"addr"`
	UserAgent string `db:"user_agent"`
	Data      string `db:"data"`
	CreatedAt int64  `db:"created_at"`
}

func (r row) event() Event {
	return Event{
		ID: r.ID, RepoID: r.RepoID, OwnerID: r.OwnerID, Kind: r.Kind, Data: json.RawMessage(r.Data), At: time.UnixMicro(r.CreatedAt).UTC(),
		ActorID: r.ActorID, ActorName: r.ActorName, TokenID: r.TokenID, Addr: r.Addr, UserAgent: r.UserAgent,
	}
}
