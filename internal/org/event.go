package org

import (
	"context"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// note writes what happened to an organisation into its log.
func note(ctx context.Context, tx *db.Tx, kind, orgID string, data map[string]any) error {
	return event.Append(ctx, tx, event.Event{Kind: kind, OwnerID: orgID, Data: data})
}

// noteMember notes a change of a membership; an empty role is none. The user may be gone when it is read.
func noteMember(ctx context.Context, tx *db.Tx, orgID, userID string, was, role hub.Role) error {
	names, err := account.Names(ctx, tx, []string{userID})
	if err != nil {
		return err
	}
	kind, data := "org.member.role", map[string]any{"user": userID, "name": names[userID]}
	switch {
	case was == "":
		kind = "org.member.add"
	case role == "":
		kind = "org.member.remove"
	}
	if was != "" {
		data["from"] = string(was)
	}
	if role != "" {
		data["role"] = string(role)
	}
	return note(ctx, tx, kind, orgID, data)
}

// memberRole is the role of a member; empty for who is none.
func memberRole(ctx context.Context, tx *db.Tx, orgID, userID string) (hub.Role, error) {
	var role string
	err := tx.Get(ctx, &role, getRole, orgID, userID)
	if db.IsNoRows(err) {
		return "", nil
	}
	return hub.Role(role), err
}
