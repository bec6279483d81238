-- +goose Up
-- The newest copy of each kind that came to its end, told by the process that made it, so that a hub knows how old it is.
CREATE TABLE backup_made (
  kind        TEXT NOT NULL PRIMARY KEY, -- backup, catalogue
  id          TEXT NOT NULL,
  taken_at    BIGINT NOT NULL,           -- unix microseconds: all that was acknowledged before is in it
  finished_at BIGINT NOT NULL
);
