package gitserve

import (
	"context"
	"io"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/repo"
)

// UploadDialog serves a whole fetch of version 0 or 1 on a connection of its own, where client and server remember what
// was said. git begins when the client has said what it wants, and that was found to be in reach.
func (s *Server) UploadDialog(ctx context.Context, r *repo.Repo, c Conn) error {
	ad, err := s.advertisement(ctx, r)
	if err != nil {
		return err
	}
	if _, err := c.Write(ad.UploadDialog()); err != nil {
		return err
	}
	spool := git.NewSpool("", spoolMemory)
	defer spool.Close()
	q, err := git.ParseWants(git.NewPktReader(io.TeeReader(c, spool), MaxFetchRequest))
	if err != nil {
		return protocolError(err)
	}
	if q.Command == git.CommandNone {
		return nil
	}
	copied, err := s.Copies.Use(ctx, r.RowID, headRef(r))
	if err != nil {
		return err
	}
	defer copied.Release()
	if err := copied.CheckFetch(ctx, q); errs.Is(err, errs.NotFound) {
		_, err := c.Write(git.AppendPkt(nil, "ERR upload-pack: "+Message(err)))
		return err
	} else if err != nil {
		return err
	}
	said, end, err := replay(spool)
	if err != nil {
		return err
	}
	defer end()
	haves := &hurried{r: io.LimitReader(c, MaxFetchRequest), until: time.Now().Add(negotiation)}
	return copied.UploadPackDialog(ctx, io.MultiReader(said, haves), prompt{c})
}

// negotiation is how long client and git may take to find out what the client has: a process waits for it.
const negotiation = 5 * time.Minute

// hurried ends when its time has come.
type hurried struct {
	r     io.Reader
	until time.Time
}

func (h *hurried) Read(p []byte) (int, error) {
	if time.Now().After(h.until) {
		return 0, io.EOF
	}
	return h.r.Read(p)
}
