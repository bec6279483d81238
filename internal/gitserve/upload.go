package gitserve

import (
	"bytes"
	"context"
	"io"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/repo"
)

// MaxFetchRequest bounds what a client may say before it gets a pack: a partial clone names each file that it lacks.
const MaxFetchRequest = 64 << 20

// Upload serves one request of a fetch that stands for itself: any of version 2, and those of version 0 over HTTP. more
// is false when the client has nothing to ask, or was told that it asked for too much.
func (s *Server) Upload(ctx context.Context, r *repo.Repo, v2 bool, c Conn) (more bool, err error) {
	spool := git.NewSpool("", 1<<20)
	defer spool.Close()
	pkts := git.NewPktReader(io.TeeReader(c, spool), MaxFetchRequest)
	parse := git.ParseUpload
	if v2 {
		parse = git.ParseUploadV2
	}
	q, err := parse(pkts)
	if err != nil {
		return false, protocolError(err)
	}
	c.ReadDone()
	switch q.Command {
	case git.CommandLsRefs:
		ad, err := s.advertisement(ctx, r)
		if err == nil {
			_, err = c.Write(ad.LsRefs(q))
		}
		return true, err
	case git.CommandFetch:
		return s.fetch(ctx, r, v2, q, spool, c)
	}
	return false, nil
}

func (s *Server) fetch(ctx context.Context, r *repo.Repo, v2 bool, q *git.UploadRequest, spool *git.Spool, c Conn) (bool, error) {
	copied, err := s.Copies.Use(ctx, r.RowID, headRef(r))
	if err != nil {
		return false, err
	}
	defer copied.Release()
	if err := copied.CheckWants(ctx, q.Wants); errs.Is(err, errs.NotFound) {
		_, err := c.Write(git.AppendPkt(nil, "ERR upload-pack: "+Message(err)))
		return false, err
	} else if err != nil {
		return false, err
	}
	if q.Whole() {
		clone, ok, err := copied.Clone(ctx, q.Wants, q.IncludeTag)
		if err != nil {
			return false, err
		}
		if ok {
			defer clone.Close()
			return true, sendClone(ctx, v2, clone, c)
		}
	}
	var request io.Reader
	if spool.Size() <= 1<<20 {
		var b bytes.Buffer
		if _, err := spool.WriteTo(&b); err != nil {
			return false, err
		}
		request = &b
	} else {
		pr, pw := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := spool.WriteTo(pw)
			pw.CloseWithError(err)
		}()
		defer func() {
			_ = pr.Close() // git need not read all
			<-done
		}()
		request = pr
	}
	return true, copied.UploadPack(ctx, v2, request, prompt{c})
}

// UploadDialog serves a whole fetch of version 0 or 1 on a connection of its own, where client and server remember what
// was said. git itself tells the refs and refuses what they do not reach.
func (s *Server) UploadDialog(ctx context.Context, r *repo.Repo, c Conn) error {
	copied, err := s.Copies.Use(ctx, r.RowID, headRef(r))
	if err != nil {
		return err
	}
	defer copied.Release()
	return copied.UploadPackDialog(ctx, io.LimitReader(c, MaxFetchRequest), prompt{c})
}

// prompt sends on what git writes without waiting for more.
type prompt struct{ c Conn }

func (p prompt) Write(b []byte) (int, error) {
	n, err := p.c.Write(b)
	if err == nil {
		p.c.Flush()
	}
	return n, err
}
