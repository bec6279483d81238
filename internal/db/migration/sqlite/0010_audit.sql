-- +goose Up

-- Whose log an event belongs to, and by what and from where it was caused.
ALTER TABLE event ADD COLUMN owner_id   TEXT NOT NULL DEFAULT ''; -- the user or organisation
ALTER TABLE event ADD COLUMN actor_name TEXT NOT NULL DEFAULT ''; -- as it was then; the actor may be gone
ALTER TABLE event ADD COLUMN token_id   TEXT NOT NULL DEFAULT ''; -- what proved the actor; empty: a session, or none
ALTER TABLE event ADD COLUMN addr       TEXT NOT NULL DEFAULT ''; -- of the client
ALTER TABLE event ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
UPDATE event SET owner_id = (SELECT r.owner_id FROM repo r WHERE r.id = event.repo_id)
  WHERE repo_id IN (SELECT id FROM repo);
CREATE INDEX event_owner ON event (owner_id, id);
CREATE INDEX event_actor ON event (actor_id, id);
CREATE INDEX event_kind ON event (kind, id);

-- The chain over the log: each seal is a hash over the one before it and one event.
CREATE TABLE event_seal (
  seq       INTEGER PRIMARY KEY,
  event_id  BIGINT NOT NULL UNIQUE,
  hash      BLOB NOT NULL,
  sealed_at BIGINT NOT NULL
);
