-- +goose Up
-- Collecting git: what no row names any more, and what no ref reaches any more.

ALTER TABLE git_repo ADD COLUMN collect_epoch BIGINT NOT NULL DEFAULT 0; -- grows when objects were removed

-- Blobs of packs that were replaced or deleted. They are freed later, unless another repository names them.
CREATE TABLE git_garbage (
  pack_key   TEXT NOT NULL PRIMARY KEY,  -- its catalog beside it is meant, too
  size       BIGINT NOT NULL,            -- bytes of the pack
  unnamed_at BIGINT NOT NULL,
  doomed     BIGINT NOT NULL DEFAULT 0   -- 1: found to be named by no row, so the blob may be gone already
);
CREATE INDEX git_garbage_unnamed ON git_garbage (unnamed_at);
CREATE INDEX git_pack_key ON git_pack (pack_key) WHERE pack_key <> '';

-- Where refs were before they were deleted or moved: what lies behind may be reached by none any more.
CREATE TABLE git_dropped (
  repo_id    TEXT NOT NULL REFERENCES git_repo (repo_id) ON DELETE CASCADE,
  oid        TEXT NOT NULL,              -- 40 hex; zeros: objects that never had a ref
  dropped_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, oid)
);
CREATE INDEX git_dropped_at ON git_dropped (dropped_at);

-- Nobody has noted what refs have left so far: each repository is looked through once.
INSERT INTO git_dropped (repo_id, oid, dropped_at)
  SELECT DISTINCT repo_id, '0000000000000000000000000000000000000000', 0 FROM git_pack;
