-- +goose Up
-- Collecting what repositories lost, and keeping deleted repositories for a while.

ALTER TABLE xet_grave ADD COLUMN size BIGINT NOT NULL DEFAULT 0; -- bytes of the blob, as far as they are known
CREATE INDEX xet_grave_open ON xet_grave (until_at) WHERE NOT freed;

-- Xorbs of which some files went away: they may have little left that anybody names.
CREATE TABLE xet_thin (
  xorb     BYTEA NOT NULL PRIMARY KEY,
  noted_at BIGINT NOT NULL
);

-- Large files of a repository that no commit names, and since when that is known.
CREATE TABLE release_lost (
  repo_id  TEXT NOT NULL,
  file     BYTEA NOT NULL,               -- 32 bytes, raw Xet hash
  noted_at BIGINT NOT NULL,             -- unix microseconds
  PRIMARY KEY (repo_id, file)
);

-- What a repository was when such files were last looked for, so that they are not again while nothing has changed.
CREATE TABLE release_lost_scan (
  repo_id       TEXT NOT NULL PRIMARY KEY,
  large         BIGINT NOT NULL,        -- bytes of its large files
  pack_seq      BIGINT NOT NULL,
  collect_epoch BIGINT NOT NULL,
  look_at       BIGINT                  -- when something may be due; NULL: nothing is
);

-- Repositories that were deleted and may be brought back. What they have stays under their id until then.
CREATE TABLE repo_deleted (
  repo_id    TEXT NOT NULL PRIMARY KEY,
  type       TEXT NOT NULL,
  owner_id   TEXT NOT NULL,
  namespace  TEXT NOT NULL,
  name       TEXT NOT NULL,
  deleted_by TEXT NOT NULL,             -- user id
  deleted_at BIGINT NOT NULL,           -- unix microseconds
  bytes      BIGINT NOT NULL,           -- that it takes
  data       TEXT NOT NULL              -- JSON: its row
);
CREATE INDEX repo_deleted_owner ON repo_deleted (owner_id, deleted_at);
CREATE INDEX repo_deleted_at ON repo_deleted (deleted_at);
