-- +goose Up
-- Since when a repository says how many versions of its large files it keeps, in unix microseconds. NULL: it said so when
-- that had no effect, and nothing is given up until it says so again.
ALTER TABLE repo ADD COLUMN lfs_keep_since BIGINT;
