package account

import (
	"context"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/event"
)

// note writes what happened to a user into the log, which is the user's own.
func (s *Service) note(ctx context.Context, tx *db.Tx, kind, userID string, data map[string]any) error {
	return event.Append(ctx, tx, event.Event{Kind: kind, OwnerID: userID, Data: data, At: s.now()})
}

// noteBy is note for what a user does who has only just proved it, by a password: the request does not name them.
func (s *Service) noteBy(ctx context.Context, tx *db.Tx, kind string, user userRow, data map[string]any) error {
	return event.Append(ctx, tx, event.Event{Kind: kind, OwnerID: user.ID, ActorID: user.ID, ActorName: user.Name, Data: data, At: s.now()})
}

func userEvent(r userRow) map[string]any {
	return map[string]any{"user": r.ID, "name": r.Name}
}

func tokenEvent(r tokenRow) map[string]any {
	return map[string]any{"token": r.ID, "name": r.Name, "role": r.Role}
}

func sessionEvent(hash string) map[string]any {
	return map[string]any{"session": hash[:sessionIDLen]}
}
