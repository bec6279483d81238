package xetstore

import (
	"context"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// How long what has not begun waits for its turn. Whoever has a place may keep it for as long as bytes come, so that a few
// slow clients can hold all of them for hours: others are to hear of it while they still listen. What has begun is never
// refused: for turns after that (a xorb's lock, the hashing of a shard's files) the store's own work is waited for, which ends.
const (
	// turnWait is less than the 90 seconds for which hf_xet takes a request that is slow for a healthy one, and the 120
	// after which its older versions give up: one uploader that sends more at once than it has places finds its way.
	turnWait = 60 * time.Second
	// plainTurnWait is less than the 30 seconds of silence after which git-lfs breaks a connection, to try again.
	plainTurnWait = 25 * time.Second
)

// errBusy is the answer for who has waited too long.
func errBusy() error {
	return errs.New(errs.Unavailable, "This hub works on as many uploads as it can at this moment. This request was not begun and changed nothing; try again in a minute.")
}

// enterUpload waits for a turn among the uploads of the user and of all.
func (s *Store) enterUpload(ctx context.Context, userID string, wait time.Duration) (leave func(), err error) {
	waiting, stop := context.WithTimeoutCause(ctx, wait, errBusy()) // for both turns
	defer stop()
	done, err := s.users.Take(waiting, userID)
	if err != nil {
		return nil, err
	}
	if err := s.uploads.Take(waiting); err != nil {
		done()
		return nil, err
	}
	return func() { s.uploads.Give(); done() }, nil
}

// checkSender refuses who may not add files.
func (sc Scope) checkSender() error {
	if sc.UserID == "" || sc.RepoID == "" {
		return errs.New(errs.Unauthenticated, "Uploads need a user and a repository")
	}
	return nil
}
