package gitserve

import (
	"context"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Bounds of a push.
const (
	MaxPushCommands = 16 << 20  // bytes before the pack
	MaxDrain        = 256 << 20 // bytes of a refused pack that a door reads
)

// Receive serves a push, from its commands on. c should buffer what it reads: packets are read in small pieces.
func (s *Server) Receive(ctx context.Context, actor hub.Actor, r *repo.Repo, c Conn) error {
	q, err := git.ParsePush(git.NewPktReader(c, MaxPushCommands))
	if err != nil {
		return refuse(q, c, protocolError(err))
	}
	if len(q.Commands) == 0 {
		return nil
	}
	out := &pushAnswer{c: c, band: q.SideBand, stop: make(chan struct{})}
	defer out.end()
	in := content.Push{Commands: q.Commands, Atomic: q.Atomic, Receive: func(ctx context.Context) (*gitstore.Incoming, error) {
		incoming, err := s.Copies.Receive(ctx, r.RowID, headRef(r), c)
		if err != nil {
			_ = c.Drain()
		}
		c.ReadDone()
		out.keepAlive()
		return incoming, err
	}}
	if !q.HasPack() {
		c.ReadDone()
	}
	res, err := s.Content.Push(ctx, actor, r, in)
	out.end()
	if err != nil {
		return out.fail(err)
	}
	return out.finish(q, res)
}

// refuse answers a push whose commands are not taken. A client that understands side bands shows its user the reason;
// of a door's own error it may show the number only. It reads the answer when it has sent everything.
func refuse(q *git.PushRequest, c Conn, err error) error {
	if !q.SideBand || !errs.Is(err, errs.TooLarge) && !errs.Is(err, errs.Invalid) || !c.Drain() {
		return err
	}
	c.ReadDone()
	_, err = c.Write(git.AppendBand(nil, git.BandError, []byte("error: "+Message(err)+"\n")))
	return err
}

// pushAnswer writes the answer to a push. While refs are checked it sends empty packets, so that nobody on the way
// takes the silence for a dead connection.
type pushAnswer struct {
	c    Conn
	band bool
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	begun bool
	ended bool
}

const keepAliveEvery = 5 * time.Second

func (p *pushAnswer) keepAlive() {
	if !p.band {
		return
	}
	p.done.Go(func() {
		tick := time.NewTicker(keepAliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.write(git.AppendPkt(nil, string(rune(git.BandData))))
				p.c.Flush()
			}
		}
	})
}

// end stops the empty packets; after it nothing else writes.
func (p *pushAnswer) end() {
	p.mu.Lock()
	first := !p.ended
	p.ended = true
	p.mu.Unlock()
	if first {
		close(p.stop)
	}
	p.done.Wait()
}

func (p *pushAnswer) write(b []byte) {
	p.begun = true
	_, _ = p.c.Write(b) // a client that went away reads nothing
}

// fail tells an error of the hub's own in the answer, if that has begun.
func (p *pushAnswer) fail(err error) error {
	if p.begun && p.band {
		p.write(git.AppendBand(nil, git.BandError, []byte("error: "+Message(err)+"\n")))
	}
	return err
}

func (p *pushAnswer) finish(q *git.PushRequest, res *content.PushResult) error {
	var report []byte
	if q.Report {
		report = git.AppendReport(nil, res.Unpack, res.Refs)
	}
	if p.band {
		report = git.AppendFlush(git.AppendBand(nil, git.BandData, report))
	}
	p.write(report)
	return nil
}
