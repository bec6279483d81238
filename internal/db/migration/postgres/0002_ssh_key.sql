-- +goose Up

-- account: public SSH keys, of a user or (deploy keys) of a repository -------------------------------------------

CREATE TABLE ssh_key (
  id           TEXT NOT NULL PRIMARY KEY,
  user_id      TEXT REFERENCES users (id) ON DELETE CASCADE,
  repo_id      TEXT REFERENCES repo (id) ON DELETE CASCADE,
  may_write    BOOLEAN NOT NULL,         -- of a deploy key; a user's key may what the user may
  title        TEXT NOT NULL,
  algorithm    TEXT NOT NULL,            -- ssh-ed25519, …
  public_key   TEXT NOT NULL,            -- algorithm and base64, as in an authorized_keys file
  fingerprint  TEXT NOT NULL UNIQUE,     -- SHA256:…, as ssh-keygen -l prints it: a key says who somebody is
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT,
  CHECK ((user_id IS NULL) <> (repo_id IS NULL))
);
CREATE INDEX ssh_key_user ON ssh_key (user_id, created_at);
CREATE INDEX ssh_key_repo ON ssh_key (repo_id, created_at);
