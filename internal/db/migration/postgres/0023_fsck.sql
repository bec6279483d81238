-- +goose Up
-- Reading all stored bytes over a period: how far the present pass is, and when the last one ended.
CREATE TABLE fsck_pass (
  id            BIGINT NOT NULL PRIMARY KEY, -- 1
  started_at    BIGINT NOT NULL,         -- unix microseconds
  finished_at   BIGINT,                  -- NULL: it is under way
  total         BIGINT NOT NULL,         -- bytes there were when it began
  done          BIGINT NOT NULL,         -- bytes read
  stage         TEXT NOT NULL,           -- xorbs, packs, pictures
  place         TEXT NOT NULL,           -- the last object of the stage that was looked at
  last_started  BIGINT,                  -- of the last pass that came to its end
  last_finished BIGINT,
  last_bytes    BIGINT NOT NULL DEFAULT 0
);

-- What was found damaged, and how it ended.
CREATE TABLE fsck_finding (
  kind       TEXT NOT NULL,              -- xorb.corrupt, pack.absent, ...
  object     TEXT NOT NULL,              -- key in the store, row or git object
  detail     TEXT NOT NULL,
  affects    TEXT NOT NULL,              -- JSON: repositories and files
  first_at   BIGINT NOT NULL,            -- unix microseconds
  last_at    BIGINT NOT NULL,            -- when it was last seen
  ended_at   BIGINT,                     -- NULL: it is still so, as far as is known
  ended      TEXT NOT NULL DEFAULT '',   -- sound: the bytes are right again; gone: nothing names them any more
  PRIMARY KEY (kind, object)
);
CREATE INDEX fsck_finding_open ON fsck_finding (kind, object) WHERE ended_at IS NULL;
