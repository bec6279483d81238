-- +goose Up

-- Parts of uploads that are not complete yet. Their bytes are chunks of xorbs like any others.
CREATE TABLE xet_part (
  upload     TEXT NOT NULL,              -- which parts belong together
  number     BIGINT NOT NULL,            -- from 1
  user_id    TEXT NOT NULL,
  tag        BYTEA NOT NULL,              -- 32 bytes: the file hash of the part taken as a file
  size       BIGINT NOT NULL,
  stored     BIGINT NOT NULL,            -- bytes of the blobs that came with it
  terms      BYTEA NOT NULL,              -- as in xet_repo_file
  chain      BYTEA,                       -- which parts the sum below is of; with it once it is known
  sum        BYTEA,                       -- state of SHA-256 after this part
  created_at BIGINT NOT NULL,
  PRIMARY KEY (upload, number)
);
CREATE INDEX xet_part_user ON xet_part (user_id, stored);

-- The xorbs that came with parts, so that those of an abandoned upload can be removed.
CREATE TABLE xet_part_xorb (
  upload TEXT NOT NULL,
  xorb   BYTEA NOT NULL,
  PRIMARY KEY (upload, xorb)
);
CREATE INDEX xet_part_xorb_xorb ON xet_part_xorb (xorb);

-- Xorbs whose blob is or was being removed: an upload that may have met the blob before that must not count on it.
CREATE TABLE xet_grave (
  xorb     BYTEA NOT NULL PRIMARY KEY,
  freed    BOOLEAN NOT NULL DEFAULT FALSE, -- the blob is gone
  until_at BIGINT NOT NULL               -- it is or was gone by then
);

-- File locks of Git LFS.
CREATE TABLE lfs_lock (
  id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,   -- 24 hex digits
  repo_id   TEXT NOT NULL,
  path      TEXT COLLATE "C" NOT NULL,
  user_id   TEXT NOT NULL,               -- who holds it
  locked_at BIGINT NOT NULL,
  UNIQUE (repo_id, path)
);
CREATE INDEX lfs_lock_user ON lfs_lock (user_id);
