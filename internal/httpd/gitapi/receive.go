package gitapi

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
)

// Bounds of a push's request.
const (
	maxPushCommands = 16 << 20  // bytes before the pack
	maxDrain        = 256 << 20 // bytes of a refused pack that are read, so that the client comes to read why
)

const receiveResult = "application/x-git-receive-pack-result"

// receivePack serves a push.
func (a *API) receivePack(w http.ResponseWriter, r *http.Request) error {
	stream, err := requestBody(w, r, receiveService, gitstore.PushLimits.Bytes+maxPushCommands)
	if err != nil {
		return err
	}
	body := bufio.NewReaderSize(stream, 64<<10)
	q, err := git.ParsePush(git.NewPktReader(body, maxPushCommands))
	if err != nil {
		return refuse(w, q, body, protocolError(err))
	}
	if len(q.Commands) == 0 {
		return answer(w, receiveResult, nil)
	}
	st := httpd.Of(r)
	out := &pushAnswer{w: w, band: q.SideBand, stop: make(chan struct{})}
	defer out.end()
	in := content.Push{Commands: q.Commands, Atomic: q.Atomic, Receive: func(ctx context.Context) (*gitstore.Incoming, error) {
		incoming, err := a.Copies.Receive(ctx, st.Repo.RowID, headRef(st.Repo), body)
		if err != nil {
			_, _ = io.CopyN(io.Discard, body, maxDrain)
		}
		bodyDone(w)
		out.keepAlive()
		return incoming, err
	}}
	if !q.HasPack() {
		bodyDone(w)
	}
	res, err := a.Content.Push(r.Context(), st.Actor, st.Repo, in)
	out.end()
	if err != nil {
		return out.fail(err)
	}
	return out.finish(q, res)
}

// refuse answers a push whose commands are not taken. A client that understands side bands shows its user the reason;
// of an HTTP error it shows the number only. It reads the answer when it has sent everything.
func refuse(w http.ResponseWriter, q *git.PushRequest, body io.Reader, err error) error {
	if !q.SideBand || !errs.Is(err, errs.TooLarge) && !errs.Is(err, errs.Invalid) {
		return err
	}
	if _, e := io.CopyN(io.Discard, body, maxDrain); e != io.EOF { //nolint:errorlint // CopyN gives io.EOF itself
		return err
	}
	bodyDone(w)
	return answer(w, receiveResult, git.AppendBand(nil, git.BandError, []byte("error: "+message(err)+"\n")))
}

// pushAnswer writes the answer to a push. While refs are checked it sends empty packets, so that nobody on the way
// takes the silence for a dead connection.
type pushAnswer struct {
	w    http.ResponseWriter
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
				_ = http.NewResponseController(p.w).Flush()
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
	if !p.begun {
		p.begun = true
		begin(p.w, receiveResult)
	}
	_, _ = p.w.Write(b) // a client that went away reads nothing
}

// fail tells an error of the hub's own in the answer, if that has begun.
func (p *pushAnswer) fail(err error) error {
	if p.begun && p.band {
		p.write(git.AppendBand(nil, git.BandError, []byte("error: "+message(err)+"\n")))
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
