-- +goose Up
-- What keeps stored bytes from being deleted for a while: backups, and what operators decided.
CREATE TABLE hold (
  id         TEXT NOT NULL PRIMARY KEY,  -- 24 hex digits
  kind       TEXT NOT NULL,              -- who holds: operator, backup, ...
  reason     TEXT NOT NULL DEFAULT '',
  repo_id    TEXT NOT NULL DEFAULT '',   -- empty: all of the hub
  created_at BIGINT NOT NULL,            -- unix microseconds
  until_at   BIGINT,                     -- NULL: until somebody removes it
  heartbeat  BIGINT NOT NULL             -- when its holder last renewed it
);
CREATE INDEX hold_repo ON hold (repo_id);

-- Collecting xorbs: the oldest first, and what they are found by goes with them.
CREATE INDEX xet_xorb_touched ON xet_xorb (touched_at, hash);
CREATE INDEX xet_chunk_xorb ON xet_chunk (xorb);

-- Bytes of a xorb that somebody sent and that no repository has been made of yet; 0 from then on.
ALTER TABLE xet_xorb_upload ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;
CREATE INDEX xet_xorb_upload_pending ON xet_xorb_upload (user_id, pending) WHERE pending > 0;

-- Repositories that gave files up: some of their xorbs may be named by none of their files any more.
CREATE TABLE xet_repo_loose (
  repo_id  TEXT NOT NULL PRIMARY KEY,
  noted_at BIGINT NOT NULL
);
