-- +goose Up

-- Versions of large files that a repository is to give up, and since when that is known.
CREATE TABLE release_candidate (
  repo_id    TEXT NOT NULL,
  file       BYTEA NOT NULL,              -- 32 bytes, raw Xet hash
  noted_at   BIGINT NOT NULL,            -- unix microseconds
  PRIMARY KEY (repo_id, file)
);

-- What a repository was when it was last looked through, so that it is not again while nothing has changed.
CREATE TABLE release_scan (
  repo_id TEXT NOT NULL PRIMARY KEY,
  state   TEXT NOT NULL
);
