package gitstore

import (
	"context"
	"io"
	"strings"
)

// UploadPack answers a fetch with git's own upload-pack: request is what the client sent, answer gets what it is sent.
// The caller has checked the wants (CheckWants). A complaint of git's goes into the error; the client was told, too.
func (p *Copy) UploadPack(ctx context.Context, v2 bool, request io.Reader, answer io.Writer) error {
	var env []string
	if v2 {
		env = []string{"GIT_PROTOCOL=version=2"}
	}
	stderr, err := p.c.run(ctx, process{
		args:   []string{"upload-pack", "--stateless-rpc", "--strict", "--end-of-options", p.w.dir},
		env:    env,
		stdin:  request,
		stdout: answer,
	})
	if err != nil && ctx.Err() == nil {
		p.c.dropBroken(p.w)
		return &processError{"upload-pack", err, strings.TrimSpace(stderr)}
	}
	return err
}

// processError is how a git process ended, and what it said.
type processError struct {
	what   string
	err    error
	stderr string
}

func (e *processError) Error() string { return e.what + ": " + e.err.Error() + ": " + e.stderr }
func (e *processError) Unwrap() error { return e.err }
