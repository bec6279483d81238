-- +goose Up
-- People and organisations seen from outside.

-- Likes by age, from both sides.
CREATE INDEX repo_like_repo_age ON repo_like (repo_id, created_at, user_id);
DROP INDEX repo_like_user;
CREATE INDEX repo_like_user ON repo_like (user_id, created_at, repo_id);
