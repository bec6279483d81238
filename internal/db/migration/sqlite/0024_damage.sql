-- +goose Up
-- Damage is state: since when the bytes of a xorb are known not to be what its name says, in unix microseconds. NULL: nothing
-- is known against them. Who has the bytes is asked for them until they are whole again.
ALTER TABLE xet_xorb ADD COLUMN damaged_at BIGINT;
-- Since when an operator has given the bytes up as lost. Set only beside damaged_at; bytes that come after all lift both.
ALTER TABLE xet_xorb ADD COLUMN lost_at BIGINT;
-- Sound hubs ask often whether anything is damaged, and the index is empty then.
CREATE INDEX xet_xorb_damaged ON xet_xorb (hash) WHERE damaged_at IS NOT NULL;

-- Objects of a repository that were in a damaged pack, were found nowhere else and were given up. One that comes again is
-- found before anybody looks here.
CREATE TABLE git_lost (
  repo_id TEXT NOT NULL REFERENCES git_repo (repo_id) ON DELETE CASCADE,
  oid     TEXT NOT NULL,              -- 40 hex
  lost_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, oid)
);
