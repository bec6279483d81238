-- +goose Up
-- Registration, addresses that prove themselves, lost passwords, sessions that say where they are, and what
-- administrators set while the hub runs.

-- site: what administrators have chosen, as JSON.
CREATE TABLE site_setting (
  name       TEXT NOT NULL PRIMARY KEY,
  value      TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- account ----------------------------------------------------------------------------------------------------------

-- Who registered and has not proven the address yet cannot sign in, and goes after a week.
ALTER TABLE users ADD COLUMN awaits_email BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE session ADD COLUMN addr         TEXT NOT NULL DEFAULT '';  -- where it began
ALTER TABLE session ADD COLUMN last_seen_at BIGINT NOT NULL DEFAULT 0;

-- An address that a user has named and that has not proven itself. It counts for nothing until then, so two users may
-- name the same one.
CREATE TABLE email_pending (
  user_id    TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  email      TEXT NOT NULL,
  code_hash  TEXT NOT NULL DEFAULT '',   -- hex SHA-256 of the code in the link; empty until it is sent
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX email_pending_code ON email_pending (code_hash) WHERE code_hash <> '';

-- Links to choose a new password. Each works once.
CREATE TABLE password_reset (
  code_hash  TEXT NOT NULL PRIMARY KEY,  -- hex SHA-256 of the code in the link
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX password_reset_user ON password_reset (user_id);

-- Invitations to the hub.
CREATE TABLE hub_invite (
  id         TEXT NOT NULL PRIMARY KEY,
  code_hash  TEXT NOT NULL DEFAULT '',   -- hex SHA-256 of the code in the link; empty until it is sent
  email      TEXT NOT NULL DEFAULT '',   -- whom it was sent to; empty: for whoever has the link
  org_id     TEXT NOT NULL DEFAULT '',   -- the organisation that it makes a member of, and the role there
  role       TEXT NOT NULL DEFAULT '',
  max_uses   BIGINT NOT NULL,
  uses       BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX hub_invite_code ON hub_invite (code_hash) WHERE code_hash <> '';
CREATE INDEX hub_invite_created ON hub_invite (created_at, id);
