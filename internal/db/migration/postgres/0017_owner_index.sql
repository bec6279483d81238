-- +goose Up
-- What an owner has, in every order that one may ask for: without them a page of few repositories was looked for among
-- all of the hub, and a large owner's were sorted for each page.
DROP INDEX repo_owner;
CREATE INDEX repo_owner_modified  ON repo (owner_id, type, modified_at DESC, id);
CREATE INDEX repo_owner_created   ON repo (owner_id, type, created_at DESC, id);
CREATE INDEX repo_owner_downloads ON repo (owner_id, type, downloads DESC, id);
CREATE INDEX repo_owner_likes     ON repo (owner_id, type, likes DESC, id);
CREATE INDEX repo_owner_trending  ON repo (owner_id, type, trending DESC, id);

-- The report of an owner's storage is over all types; the name is there to search in.
CREATE INDEX repo_owner_storage   ON repo (owner_id, used_storage DESC, id, name);
CREATE INDEX repo_owner_age       ON repo (owner_id, modified_at DESC, id, name);

-- An organisation's log by who, what and where.
CREATE INDEX event_owner_actor ON event (owner_id, lower(actor_name), id);
CREATE INDEX event_owner_kind  ON event (owner_id, kind, id);
CREATE INDEX event_owner_addr  ON event (owner_id, addr, id);
