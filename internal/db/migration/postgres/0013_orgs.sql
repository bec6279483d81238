-- +goose Up

-- org: what an organisation's admins decide -----------------------------------------------------------------------

ALTER TABLE orgs ADD COLUMN default_visibility TEXT NOT NULL DEFAULT 'public';   -- of new repositories: public, private
ALTER TABLE orgs ADD COLUMN force_private BOOLEAN NOT NULL DEFAULT FALSE;        -- no repository becomes public
ALTER TABLE orgs ADD COLUMN create_role TEXT NOT NULL DEFAULT 'contributor';     -- the least role that may create repositories
ALTER TABLE orgs ADD COLUMN members_public BOOLEAN NOT NULL DEFAULT TRUE;        -- whether others see who its members are
ALTER TABLE orgs ADD COLUMN join_requests BOOLEAN NOT NULL DEFAULT FALSE;        -- whether others may ask to join

-- Lists in the order of joining, and the admins of an organisation with many members.
CREATE INDEX org_member_joined ON org_member (org_id, created_at, user_id);
CREATE INDEX org_member_role ON org_member (org_id, role, created_at, user_id);

-- org: ways in ----------------------------------------------------------------------------------------------------

CREATE TABLE org_invitation (
  id         TEXT NOT NULL PRIMARY KEY,
  org_id     TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  code_hash  TEXT NOT NULL UNIQUE,        -- hex SHA-256 of the code
  role       TEXT NOT NULL,
  user_id    TEXT REFERENCES users (id) ON DELETE CASCADE, -- who alone may use it; NULL: see email
  email      TEXT NOT NULL DEFAULT '',    -- lower case: whose owner alone may use it; empty: whoever has the code
  created_by TEXT NOT NULL,               -- user id
  max_uses   BIGINT NOT NULL,
  uses       BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at   BIGINT                       -- revoked or declined
);
CREATE INDEX org_invitation_org ON org_invitation (org_id, created_at, id);
CREATE INDEX org_invitation_user ON org_invitation (user_id);
CREATE INDEX org_invitation_email ON org_invitation (email) WHERE email <> '';

-- Nobody uses an invitation twice: whoever was removed does not come back by it.
CREATE TABLE org_invitation_use (
  invitation_id TEXT NOT NULL REFERENCES org_invitation (id) ON DELETE CASCADE,
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at    BIGINT NOT NULL,
  PRIMARY KEY (invitation_id, user_id)
);
CREATE INDEX org_invitation_use_user ON org_invitation_use (user_id);

CREATE TABLE org_join_request (
  org_id     TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  message    TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  denied_at  BIGINT,                      -- NULL: waiting for an answer
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX org_join_request_org ON org_join_request (org_id, created_at, user_id);
CREATE INDEX org_join_request_user ON org_join_request (user_id);
