package gitstore

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
)

// UploadPack answers a fetch with git's own upload-pack: request is what the client sent, answer gets what it is sent.
// The caller has checked it (CheckFetch). A complaint of git's goes into the error; the client was told, too.
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
		err = errors.Join(err, p.c.dropBroken(p.w))
		return &processError{"upload-pack", err, strings.TrimSpace(stderr)}
	}
	return err
}

// UploadPackDialog lets git's own upload-pack speak with a client of version 0 that has been told the refs: client begins
// with what it wants, which the caller has checked (CheckFetch). git checks nothing of it: what it can check is too
// little (with allowReachableSHA1InWant it sends files and folders that no ref reaches).
func (p *Copy) UploadPackDialog(ctx context.Context, client io.Reader, answer io.Writer) error {
	pr, pw, err := os.Pipe() // git's end does not depend on when the client falls silent
	if err != nil {
		return err
	}
	defer pr.Close()
	go func() {
		_, _ = io.Copy(pw, client) // ends with the client, or with git
		_ = pw.Close()
	}()
	stderr, err := p.c.run(ctx, process{
		args: []string{"-c", "uploadpack.allowAnySHA1InWant=true", "-c", "uploadpack.hideRefs=refs", "upload-pack", "--strict",
			"--end-of-options", p.w.dir},
		stdin:  pr,
		stdout: &afterFlush{w: answer},
	})
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, p.c.dropBroken(p.w))
		return &processError{"upload-pack", err, strings.TrimSpace(stderr)}
	}
	return err
}

// afterFlush drops what is written up to the first flush packet: git's own list of refs.
type afterFlush struct {
	w    io.Writer
	head []byte // of a packet, until its length is known
	skip int    // bytes of a packet
	done bool
}

func (a *afterFlush) Write(b []byte) (int, error) {
	n := len(b)
	for !a.done && len(b) > 0 {
		if k := min(a.skip, len(b)); k > 0 {
			a.skip -= k
			b = b[k:]
			continue
		}
		k := min(4-len(a.head), len(b))
		a.head, b = append(a.head, b[:k]...), b[k:]
		if len(a.head) < 4 {
			continue
		}
		size, err := strconv.ParseUint(string(a.head), 16, 16)
		if err != nil {
			return 0, err
		}
		a.done, a.skip, a.head = size == 0, max(int(size)-4, 0), a.head[:0]
	}
	if len(b) == 0 {
		return n, nil
	}
	_, err := a.w.Write(b)
	return n, err
}

// processError is how a git process ended, and what it said.
type processError struct {
	what   string
	err    error
	stderr string
}

// IsProcess reports that git itself ended badly, mostly for its client's doing.
func IsProcess(err error) bool {
	var e *processError
	return errors.As(err, &e)
}

func (e *processError) Error() string { return e.what + ": " + e.err.Error() + ": " + e.stderr }
func (e *processError) Unwrap() error { return e.err }
