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

	selectAfter = `SELECT ` + fragColumns + ` FROM event WHERE id > ? AND created_at <= ? ORDER BY id LIMIT ?`
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
