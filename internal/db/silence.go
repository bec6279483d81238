package db

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const statementTimeout = "statement_timeout"

// errSilent: a server that is there and says nothing, or a network that swallows what it says. PostgreSQL's own limits end
// only what reaches it, and the system's only connections whose other end has stopped acknowledging.
var errSilent = errors.New("the database does not answer")

// answerTime is how long to wait for the answer to one statement: half as long again as the server may work on it, so that
// normally it is the server that says that it took too long. Where that has no limit, nor has this.
func answerTime(timeout string) time.Duration {
	d, err := time.ParseDuration(strings.Replace(timeout, "min", "m", 1))
	if ms, e := strconv.ParseInt(timeout, 10, 32); e == nil {
		d, err = time.Duration(ms)*time.Millisecond, nil
	}
	if err != nil || d < 0 {
		return 0
	}
	return d + d/2
}

// withAnswer runs a statement that the server has to answer in time.
func withAnswer(ctx context.Context, answer time.Duration, run func(context.Context) error) error {
	if answer == 0 {
		return run(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answer, errSilent)
	defer cancel()
	return orSilent(ctx, run(ctx))
}

// waitFor does the same for what begins and ends a transaction, whose context goes with its connection: give ends that.
func (e *postgresEngine) waitFor(on context.Context, give context.CancelCauseFunc, run func() error) error {
	if e.answer == 0 {
		return run()
	}
	late := time.AfterFunc(e.answer, func() { give(errSilent) })
	defer late.Stop()
	return orSilent(on, run())
}

// orSilent names the reason: to the caller the end of our own patience is no end of theirs.
func orSilent(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return fmt.Errorf("%w: %s", errSilent, err.Error())
	}
	return err
}
