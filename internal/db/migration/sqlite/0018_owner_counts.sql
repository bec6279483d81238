-- +goose Up
-- How many repositories of each type an owner has, whoever asks: counted from the index alone.
DROP INDEX repo_owner_seen;
CREATE INDEX repo_owner_seen ON repo (owner_id, type, visibility, id);
