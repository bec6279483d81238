-- +goose Up

-- Managing large files, and keys that sign commits.

-- What a file of a repository was first called, in which ref and by whom.
CREATE TABLE xet_repo_name (
  repo_id TEXT NOT NULL,
  file    BYTEA NOT NULL,
  path    TEXT NOT NULL,
  ref     TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (repo_id, file)
);

-- Files that were deleted for good from a repository; pointers to them may remain in its history.
CREATE TABLE xet_repo_gone (
  repo_id    TEXT NOT NULL,
  sha256     BYTEA NOT NULL,
  deleted_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, sha256)
);

-- A repository's files, newest first.
CREATE INDEX xet_repo_file_age ON xet_repo_file (repo_id, created_at, file);

-- Public OpenPGP keys of users. Two users may have one key: what counts is whose e-mail address a commit bears.
CREATE TABLE gpg_key (
  id          TEXT NOT NULL PRIMARY KEY,
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  title       TEXT NOT NULL,
  fingerprint TEXT NOT NULL,             -- of the primary key, upper-case hex
  armored     TEXT NOT NULL,
  created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX gpg_key_user ON gpg_key (user_id, fingerprint);

-- The key ids under which signatures name a key: its own and those of its subkeys.
CREATE TABLE gpg_key_id (
  key_id TEXT NOT NULL,                  -- the last 16 digits of the fingerprint
  gpg_id TEXT NOT NULL REFERENCES gpg_key (id) ON DELETE CASCADE,
  PRIMARY KEY (key_id, gpg_id)
);
CREATE INDEX gpg_key_id_key ON gpg_key_id (gpg_id);
