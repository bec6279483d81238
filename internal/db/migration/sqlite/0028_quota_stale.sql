-- +goose Up

-- What the repositories of an owner take together is kept only while a quota of the owner's holds: without one, the row would
-- be changed by every commit to every repository of the owner, and they would take turns for a number that nobody asks for.
-- A stale row's private_used and public_used mean nothing; the sums of quota_repo are what counts.
ALTER TABLE quota_owner ADD COLUMN stale BOOLEAN NOT NULL DEFAULT FALSE;
