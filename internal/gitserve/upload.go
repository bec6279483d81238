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
	spool := git.NewSpool("", spoolMemory)
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
	if err := copied.CheckFetch(ctx, q); errs.Is(err, errs.NotFound) {
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
	request, end, err := replay(spool)
	if err != nil {
		return false, err
	}
	defer end()
	return true, copied.UploadPack(ctx, v2, request, prompt{c})
}

// spoolMemory is what of a request is kept in memory; the rest is in a file.
const spoolMemory = 1 << 20

// replay reads what was spooled. Whoever reads need not read all; end waits until nothing does.
func replay(spool *git.Spool) (r io.Reader, end func(), err error) {
	if spool.Size() <= spoolMemory {
		var b bytes.Buffer
		_, err := spool.WriteTo(&b)
		return &b, func() {}, err
	}
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := spool.WriteTo(pw)
		pw.CloseWithError(err)
	}()
	return pr, func() {
		_ = pr.Close()
		<-done
	}, nil
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
