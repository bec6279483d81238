-- +goose Up
-- People and organisations seen from outside.

-- Likes by age, from both sides.
CREATE INDEX repo_like_repo_age ON repo_like (repo_id, created_at, user_id);
DROP INDEX repo_like_user;
CREATE INDEX repo_like_user ON repo_like (user_id, created_at, repo_id);

-- What users and organisations show of themselves.
CREATE TABLE profile (
  owner_id    TEXT NOT NULL PRIMARY KEY, -- a user or an organisation
  description TEXT NOT NULL DEFAULT '',  -- of an organisation
  bio         TEXT NOT NULL DEFAULT '',
  website     TEXT NOT NULL DEFAULT '',
  socials     TEXT NOT NULL DEFAULT '{}', -- JSON: handles by network
  picture     TEXT NOT NULL DEFAULT '',  -- hex SHA-256 of the JPEG; empty: it is drawn from the name
  picture_key TEXT NOT NULL DEFAULT '',  -- of the object in the store
  updated_at  BIGINT NOT NULL
);
CREATE INDEX profile_picture ON profile (picture) WHERE picture <> '';
CREATE INDEX profile_picture_key ON profile (picture_key) WHERE picture_key <> '';

-- Who follows whom.
CREATE TABLE follow (
  follower_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  owner_id    TEXT NOT NULL,             -- a user or an organisation
  kind        TEXT NOT NULL,             -- user, org
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (follower_id, owner_id)
);
CREATE INDEX follow_owner ON follow (owner_id, created_at, follower_id);
CREATE INDEX follow_follower ON follow (follower_id, kind, created_at, owner_id);

-- How much an owner has of what, by who may see it.
CREATE INDEX repo_owner_seen ON repo (owner_id, visibility, type);

-- Words that users and organisations are found by.
CREATE TABLE namespace_word (
  owner_id TEXT NOT NULL,
  source   TEXT NOT NULL,                -- name, fullname
  word     TEXT COLLATE "C" NOT NULL,
  kind     TEXT NOT NULL,                -- user, org
  PRIMARY KEY (owner_id, source, word)
);
CREATE INDEX namespace_word_word ON namespace_word (kind, word, owner_id);

-- Words that repositories are found by: those of their own names. Who may see them is a part of the key, so that what
-- somebody may not see costs nobody time.
CREATE TABLE repo_word (
  repo_id    TEXT NOT NULL REFERENCES repo (id) ON DELETE CASCADE ON UPDATE CASCADE,
  word       TEXT COLLATE "C" NOT NULL,
  type       TEXT NOT NULL,
  visibility TEXT NOT NULL,
  owner_id   TEXT NOT NULL,
  PRIMARY KEY (repo_id, word)
);
CREATE INDEX repo_word_seen ON repo_word (type, visibility, word, repo_id);
CREATE INDEX repo_word_owner ON repo_word (owner_id, type, word, repo_id);
