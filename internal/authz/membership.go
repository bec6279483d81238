package authz

import (
	"context"
	"sync"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

const maxUsers = 10_000

// memberships keeps the roles of users for as long as the database does not change. On PostgreSQL it never keeps any.
type memberships struct {
	db *db.DB

	mu      sync.Mutex
	changes uint64
	kept    map[string]map[string]hub.Role // user → organisation → role
}

func newMemberships(d *db.DB) *memberships {
	return &memberships{db: d, kept: map[string]map[string]hub.Role{}}
}

// of returns a user's roles. The map is shared: it is read only.
func (m *memberships) of(ctx context.Context, userID string) (map[string]hub.Role, error) {
	now := m.db.Changes() // before the read: what changes meanwhile makes the answer stale
	m.mu.Lock()
	if m.changes != now || len(m.kept) >= maxUsers {
		clear(m.kept)
		m.changes = now
	}
	roles, ok := m.kept[userID]
	m.mu.Unlock()
	if ok {
		return roles, nil
	}
	roles, err := org.Roles(ctx, m.db, userID)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes == now {
		m.kept[userID] = roles
	}
	return roles, nil
}
