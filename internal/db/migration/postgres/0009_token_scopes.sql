-- +goose Up
-- Fine-grained tokens, organisations that shut a token out, and new values for old tokens.

ALTER TABLE token ADD COLUMN scopes    TEXT NOT NULL DEFAULT '';  -- JSON of a fine-grained token's permissions; empty: another role
ALTER TABLE token ADD COLUMN barred    TEXT NOT NULL DEFAULT '';  -- ids of the organisations that have ended the token's access, each with a blank behind it
ALTER TABLE token ADD COLUMN rotations BIGINT NOT NULL DEFAULT 0; -- how many values it had before this one
