-- +goose Up
-- An organisation's log by author is asked for by the author's id where there is one, and by name where not.
CREATE INDEX event_owner_author ON event (owner_id, actor_id, id);
