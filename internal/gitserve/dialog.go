package gitserve

import (
	"context"
	"io"
	"sync"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/repo"
)

// UploadDialog serves a whole fetch of version 0 or 1 on a connection of its own, where client and server remember what
// was said. git itself tells the refs and finds out what the client has.
func (s *Server) UploadDialog(ctx context.Context, r *repo.Repo, c Conn) error {
	copied, err := s.Copies.Use(ctx, r.RowID, headRef(r))
	if err != nil {
		return err
	}
	defer copied.Release()
	d := &dialog{ctx: ctx, copied: copied, c: c, said: git.NewSpool("", spoolMemory)}
	err = copied.UploadPackDialog(ctx, d, prompt{c})
	if refused := d.close(); refused != nil {
		return refused
	}
	return err
}

// dialog is what git reads of a client: nothing until all that the client wants was found to be in reach.
type dialog struct {
	ctx    context.Context
	copied *gitstore.Copy
	c      Conn

	mu     sync.Mutex // git may end while its client is still waited for
	said   *git.Spool
	rest   io.Reader // once the wants are let through
	end    func()
	closed bool
	err    error
}

func (d *dialog) Read(p []byte) (int, error) {
	if d.rest == nil {
		if err := d.admit(); err != nil {
			return 0, err
		}
	}
	return d.rest.Read(p)
}

// admit reads and checks the wants.
func (d *dialog) admit() error {
	q, err := git.ParseWants(git.NewPktReader(io.TeeReader(d.c, d), MaxFetchRequest))
	if err != nil {
		return d.refuse(protocolError(err))
	}
	if err := d.copied.CheckWants(d.ctx, q.Wants); err != nil {
		if errs.Is(err, errs.NotFound) {
			_, _ = d.c.Write(git.AppendPkt(nil, "ERR upload-pack: "+Message(err)))
		}
		return d.refuse(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return io.ErrClosedPipe
	}
	said, end, err := replay(d.said)
	if err != nil {
		return err
	}
	d.rest, d.end = io.MultiReader(said, io.LimitReader(d.c, MaxFetchRequest)), end
	return nil
}

// Write keeps what the client says while it is read.
func (d *dialog) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, io.ErrClosedPipe
	}
	return d.said.Write(p)
}

func (d *dialog) refuse(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	return err
}

// close ends the dialog after git has ended, and says why it was not let go on.
func (d *dialog) close() error {
	d.mu.Lock()
	d.closed = true
	end, err := d.end, d.err
	d.mu.Unlock()
	if end != nil {
		end()
	}
	_ = d.said.Close()
	return err
}
