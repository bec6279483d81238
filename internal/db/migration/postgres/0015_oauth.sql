-- +goose Up

-- The application that a token was given to by its user's consent; empty: the user made it.
ALTER TABLE token ADD COLUMN client TEXT NOT NULL DEFAULT '';

-- Sign-ins of devices that wait for somebody to type their code.
CREATE TABLE oauth_device (
  id          TEXT NOT NULL PRIMARY KEY,  -- 24 hex digits, names it on pages
  device_hash TEXT NOT NULL UNIQUE,       -- hex SHA-256 of what the device holds
  user_hash   TEXT NOT NULL UNIQUE,       -- hex HMAC-SHA-256 of what people type: it is short
  client      TEXT NOT NULL,
  scope       TEXT NOT NULL,
  addr        TEXT NOT NULL,              -- where it was asked for
  agent       TEXT NOT NULL,
  state       TEXT NOT NULL,              -- pending, approved, denied, used
  user_id     TEXT NOT NULL DEFAULT '',   -- who typed the code last, and so may decide
  role        TEXT NOT NULL DEFAULT '',   -- read, write: what was approved
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  polled_at   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX oauth_device_expires ON oauth_device (expires_at);

-- What users have agreed to: a token and what renews it.
CREATE TABLE oauth_grant (
  id           TEXT NOT NULL PRIMARY KEY,
  token_id     TEXT NOT NULL UNIQUE REFERENCES token (id) ON DELETE CASCADE,
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client       TEXT NOT NULL,
  scope        TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX oauth_grant_user ON oauth_grant (user_id);

-- Refresh tokens. Those that were used are kept, since one that comes a second time was copied.
CREATE TABLE oauth_refresh (
  hash     TEXT NOT NULL PRIMARY KEY,     -- hex SHA-256
  grant_id TEXT NOT NULL REFERENCES oauth_grant (id) ON DELETE CASCADE,
  used     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX oauth_refresh_grant ON oauth_refresh (grant_id);

-- Codes typed and asked for, counted so that guessing is slow.
CREATE TABLE oauth_attempt (
  key      TEXT NOT NULL PRIMARY KEY,
  count    BIGINT NOT NULL,
  reset_at BIGINT NOT NULL
);
