-- +goose Up

-- account: names, people, proofs of identity ---------------------------------------------------------------------

-- Every name of a user or organisation, compared without case. A name whose owner went away stays held for a while.
CREATE TABLE namespace (
  name_key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  kind       TEXT NOT NULL,              -- user, org
  owner_id   TEXT NOT NULL,
  name       TEXT NOT NULL,
  held_until BIGINT                      -- unix microseconds; NULL while the owner exists
);
CREATE INDEX namespace_owner ON namespace (owner_id);

CREATE TABLE users (
  id             TEXT NOT NULL PRIMARY KEY,
  name           TEXT COLLATE "C" NOT NULL,
  fullname       TEXT NOT NULL DEFAULT '',
  email          TEXT NOT NULL DEFAULT '',
  email_verified BOOLEAN NOT NULL DEFAULT FALSE,
  password_hash  TEXT NOT NULL DEFAULT '', -- argon2id, empty: no password login
  site_admin     BOOLEAN NOT NULL DEFAULT FALSE,
  disabled_at    BIGINT,
  created_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (lower(email)) WHERE email <> '';

CREATE TABLE token (
  id           TEXT NOT NULL PRIMARY KEY,
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  hash         TEXT NOT NULL UNIQUE,     -- hex SHA-256 of the token
  hint         TEXT NOT NULL DEFAULT '', -- first and last characters, to recognise it by
  role         TEXT NOT NULL,            -- read, write
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT,
  expires_at   BIGINT,
  revoked_at   BIGINT
);
CREATE INDEX token_user ON token (user_id, created_at);

CREATE TABLE session (
  hash       TEXT NOT NULL PRIMARY KEY,  -- hex SHA-256 of the cookie's secret
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  user_agent TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_user ON session (user_id);

-- Failed logins, counted per account and network so that guessing is slow and the owner is never locked out.
CREATE TABLE login_attempt (
  key      TEXT NOT NULL PRIMARY KEY,
  count    BIGINT NOT NULL,
  reset_at BIGINT NOT NULL
);

-- Keys that the hub made for itself: signing of Xet tokens and data URLs, cursors.
CREATE TABLE secret (
  name  TEXT NOT NULL PRIMARY KEY,
  value BYTEA NOT NULL
);

-- org ------------------------------------------------------------------------------------------------------------

CREATE TABLE orgs (
  id         TEXT NOT NULL PRIMARY KEY,
  name       TEXT COLLATE "C" NOT NULL,
  fullname   TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);

CREATE TABLE org_member (
  org_id     TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role       TEXT NOT NULL,              -- no_access, read, contributor, write, admin
  created_at BIGINT NOT NULL,
  PRIMARY KEY (org_id, user_id)
);
CREATE INDEX org_member_user ON org_member (user_id, org_id);

-- repo -----------------------------------------------------------------------------------------------------------

CREATE TABLE repo (
  id                TEXT NOT NULL PRIMARY KEY,
  type              TEXT NOT NULL,       -- model, dataset, space
  owner_id          TEXT NOT NULL,       -- the user or organisation
  namespace         TEXT NOT NULL,
  name              TEXT NOT NULL,
  name_key          TEXT COLLATE "C" NOT NULL,     -- lower case ns/name
  created_by        TEXT NOT NULL,       -- user id
  visibility        TEXT NOT NULL,       -- public, private
  gated             TEXT NOT NULL DEFAULT '', -- '', auto, manual
  disabled          BOOLEAN NOT NULL DEFAULT FALSE,
  discussions_disabled BOOLEAN NOT NULL DEFAULT FALSE,
  default_branch    TEXT NOT NULL DEFAULT 'main',
  created_at        BIGINT NOT NULL,
  modified_at       BIGINT NOT NULL,     -- last change of the content
  head              TEXT NOT NULL DEFAULT '', -- commit of the default branch, 40 hex
  downloads         BIGINT NOT NULL DEFAULT 0, -- last 30 days
  downloads_all     BIGINT NOT NULL DEFAULT 0,
  likes             BIGINT NOT NULL DEFAULT 0,
  trending          DOUBLE PRECISION NOT NULL DEFAULT 0,
  -- What the default branch's files say of themselves, derived on commit.
  card              TEXT NOT NULL DEFAULT '',  -- cardData as JSON, empty: no card
  facts             TEXT NOT NULL DEFAULT '',  -- JSON: config, safetensors, gguf, siblings count ...
  tags              TEXT NOT NULL DEFAULT '[]', -- JSON array, as in repo_tag
  pipeline_tag      TEXT NOT NULL DEFAULT '',
  library_name      TEXT NOT NULL DEFAULT '',
  sdk               TEXT NOT NULL DEFAULT '',
  used_storage      BIGINT NOT NULL DEFAULT 0, -- bytes of the distinct large files and of the packs
  lfs_threshold     BIGINT,              -- NULL: the server's default
  lfs_keep_versions BIGINT,
  lfs_suffix_rules  TEXT,                -- JSON array
  UNIQUE (type, name_key)
);
CREATE INDEX repo_owner     ON repo (owner_id, type);
CREATE INDEX repo_created   ON repo (type, created_at DESC, id);
CREATE INDEX repo_modified  ON repo (type, modified_at DESC, id);
CREATE INDEX repo_downloads ON repo (type, downloads DESC, id);
CREATE INDEX repo_likes     ON repo (type, likes DESC, id);
CREATE INDEX repo_trending  ON repo (type, trending DESC, id);

-- The old names of moved repositories.
CREATE TABLE repo_redirect (
  type       TEXT NOT NULL,
  name_key   TEXT COLLATE "C" NOT NULL,
  repo_id    TEXT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (type, name_key)
);
CREATE INDEX repo_redirect_repo ON repo_redirect (repo_id);

CREATE TABLE repo_tag (
  repo_id TEXT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  type    TEXT NOT NULL,
  tag     TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (repo_id, tag)
);
CREATE INDEX repo_tag_tag ON repo_tag (type, tag, repo_id);

CREATE TABLE repo_like (
  repo_id    TEXT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, user_id)
);
CREATE INDEX repo_like_user ON repo_like (user_id, created_at);

-- Downloads by day, and who was counted already in the current window.
CREATE TABLE repo_download (
  repo_id TEXT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  day     BIGINT NOT NULL,               -- days since 1970
  count   BIGINT NOT NULL,
  PRIMARY KEY (repo_id, day)
);
CREATE TABLE repo_download_seen (
  repo_id TEXT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  client  TEXT NOT NULL,                 -- keyed hash of user or address
  bucket  BIGINT NOT NULL,               -- the window's number
  PRIMARY KEY (repo_id, client, bucket)
);
CREATE INDEX repo_download_seen_bucket ON repo_download_seen (bucket);

-- gitstore -------------------------------------------------------------------------------------------------------

-- One row per git repository: seq numbers its packs, so that a cached list of packs knows what it lacks.
CREATE TABLE git_repo (
  repo_id    TEXT NOT NULL PRIMARY KEY,
  pack_seq   BIGINT NOT NULL DEFAULT 0,
  fold_epoch BIGINT NOT NULL DEFAULT 0   -- grows when packs were folded: drop the cached list
);

CREATE TABLE git_ref (
  repo_id    TEXT NOT NULL REFERENCES git_repo (repo_id) ON DELETE CASCADE,
  name       TEXT COLLATE "C" NOT NULL,            -- refs/heads/main
  oid        TEXT NOT NULL,              -- 40 hex
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, name)
);

CREATE TABLE git_pack (
  repo_id    TEXT NOT NULL REFERENCES git_repo (repo_id) ON DELETE CASCADE,
  seq        BIGINT NOT NULL,
  hash       TEXT NOT NULL,              -- hex SHA-1 of the pack's content, its trailer
  objects    BIGINT NOT NULL,
  size       BIGINT NOT NULL,            -- bytes of the pack
  pack_key   TEXT NOT NULL DEFAULT '',   -- blob key; empty: inline
  index_key  TEXT NOT NULL DEFAULT '',
  pack       BYTEA,                      -- the pack itself while it is small
  idx        BYTEA,                      -- its object index while it is small
  created_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, seq)
);

-- xetstore -------------------------------------------------------------------------------------------------------

CREATE TABLE xet_xorb (
  hash        BYTEA NOT NULL PRIMARY KEY, -- 32 bytes, raw
  chunks      BIGINT NOT NULL,
  raw_size    BIGINT NOT NULL,           -- sum of the chunks, uncompressed
  body_size   BIGINT NOT NULL,           -- what a client may read
  stored_size BIGINT NOT NULL,           -- the blob, body and index
  created_at  BIGINT NOT NULL,
  touched_at  BIGINT NOT NULL            -- last upload or reference, for the collector
);

-- Who sent the bytes of a xorb: proof of possession.
CREATE TABLE xet_xorb_upload (
  xorb       BYTEA NOT NULL REFERENCES xet_xorb (hash) ON DELETE CASCADE,
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (xorb, user_id)
);

-- What is known of a file's bytes, whoever has it.
CREATE TABLE xet_file (
  hash       BYTEA NOT NULL PRIMARY KEY, -- 32 bytes, raw file hash
  size       BIGINT NOT NULL,
  sha256     BYTEA,                      -- known once the server has read the bytes; equal bytes cut differently share it
  created_at BIGINT NOT NULL
);
CREATE INDEX xet_file_sha256 ON xet_file (sha256);

-- A repository's right to a file, and what the file is made of there: never of what strangers sent.
CREATE TABLE xet_repo_file (
  repo_id    TEXT NOT NULL,
  file       BYTEA NOT NULL REFERENCES xet_file (hash) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  terms      BYTEA NOT NULL,             -- 44 bytes each: xorb, unpacked length, chunk start, chunk end
  PRIMARY KEY (repo_id, file)
);
CREATE INDEX xet_repo_file_file ON xet_repo_file (file);
-- The xorbs that the terms of a repository name.
CREATE TABLE xet_repo_xorb (
  xorb    BYTEA NOT NULL REFERENCES xet_xorb (hash) ON DELETE CASCADE,
  repo_id TEXT NOT NULL,
  PRIMARY KEY (xorb, repo_id)
);
CREATE INDEX xet_repo_xorb_repo ON xet_repo_xorb (repo_id);

-- Global deduplication: the eligible chunks of each xorb.
CREATE TABLE xet_chunk (
  chunk BYTEA NOT NULL,
  xorb  BYTEA NOT NULL REFERENCES xet_xorb (hash) ON DELETE CASCADE,
  PRIMARY KEY (chunk, xorb)
);

-- content, jobs --------------------------------------------------------------------------------------------------

-- What happened, written in the transaction that made it happen; consumers read in order of id.
CREATE TABLE event (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repo_id    TEXT NOT NULL DEFAULT '',
  kind       TEXT NOT NULL,              -- repo.create, repo.commit, ...
  actor_id   TEXT NOT NULL DEFAULT '',
  data       TEXT NOT NULL DEFAULT '{}', -- JSON
  created_at BIGINT NOT NULL
);
CREATE INDEX event_repo ON event (repo_id, id);

CREATE TABLE job (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind        TEXT NOT NULL,
  dedup_key   TEXT NOT NULL DEFAULT '',  -- at most one waiting job of a kind and key
  payload     TEXT NOT NULL DEFAULT '{}',
  run_at      BIGINT NOT NULL,
  attempts    BIGINT NOT NULL DEFAULT 0,
  lease_until BIGINT NOT NULL DEFAULT 0,
  last_error  TEXT NOT NULL DEFAULT '',
  failed_at   BIGINT                     -- given up; kept for the operator
);
CREATE INDEX job_due ON job (run_at, id) WHERE failed_at IS NULL;
CREATE UNIQUE INDEX job_dedup ON job (kind, dedup_key) WHERE dedup_key <> '' AND lease_until = 0 AND failed_at IS NULL;
