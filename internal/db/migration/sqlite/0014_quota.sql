-- +goose Up

-- What repositories take, whose quota it counts against, and the quotas. Kept in the transactions that change it.

CREATE TABLE quota_repo (
  repo_id    TEXT NOT NULL PRIMARY KEY,
  owner_id   TEXT NOT NULL,
  private    BOOLEAN NOT NULL,
  large      BIGINT NOT NULL DEFAULT 0,  -- bytes of the distinct large files
  packs      BIGINT NOT NULL DEFAULT 0,  -- bytes of the git packs
  size_limit BIGINT                      -- bytes; NULL: the hub's default; negative: none
);
CREATE INDEX quota_repo_owner ON quota_repo (owner_id, private);

CREATE TABLE quota_owner (
  owner_id      TEXT NOT NULL PRIMARY KEY,
  kind          TEXT NOT NULL,           -- user, org
  private_used  BIGINT NOT NULL DEFAULT 0,
  public_used   BIGINT NOT NULL DEFAULT 0,
  private_limit BIGINT,                  -- bytes; NULL: the hub's default; negative: none
  public_limit  BIGINT
);

INSERT INTO quota_repo (repo_id, owner_id, private, large, packs)
  SELECT r.id, r.owner_id, r.visibility <> 'public',
    COALESCE((SELECT CAST(SUM(f.size) AS BIGINT) FROM xet_repo_file m JOIN xet_file f ON f.hash = m.file WHERE m.repo_id = r.id), 0),
    COALESCE((SELECT CAST(SUM(p.size) AS BIGINT) FROM git_pack p WHERE p.repo_id = r.id), 0)
  FROM repo r;

INSERT INTO quota_owner (owner_id, kind, private_used, public_used)
  SELECT q.owner_id, COALESCE((SELECT MAX(n.kind) FROM namespace n WHERE n.owner_id = q.owner_id), 'user'),
    CAST(SUM(CASE WHEN q.private THEN q.large + q.packs ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN q.private THEN 0 ELSE q.large + q.packs END) AS BIGINT)
  FROM quota_repo q GROUP BY q.owner_id;

-- Only where it changes: every row that is written is written to every index.
UPDATE repo SET used_storage = (SELECT q.large + q.packs FROM quota_repo q WHERE q.repo_id = repo.id)
  WHERE used_storage <> (SELECT q.large + q.packs FROM quota_repo q WHERE q.repo_id = repo.id);
