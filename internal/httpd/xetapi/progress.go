package xetapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	heartbeat = 15 * time.Second // proxies end connections that are silent for longer
	minPause  = 200 * time.Millisecond
)

// progressLine is a line of the answer to a shard.
type progressLine struct {
	Type      string `json:"type"`
	Verified  *int   `json:"verified,omitempty"`
	Total     *int   `json:"total,omitempty"`
	Stage     string `json:"stage,omitempty"`
	Result    *int   `json:"result,omitempty"`
	Message   string `json:"message,omitempty"`
	Retryable *bool  `json:"retryable,omitempty"`
}

// shardV2 registers a shard and tells how far it is. What fails before there is anything to tell is answered as a
// status.
func (a *API) shardV2(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, writes)
	if err != nil {
		return err
	}
	body, err := RequestBody(w, r, xet.MaxShard)
	if err != nil {
		return err
	}
	latest, done := make(chan [2]int, 1), make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- &errs.Error{Kind: errs.Internal, Op: "xetapi.shardV2", Msg: fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
			}
		}()
		done <- a.Store.PutShard(r.Context(), scope, body, func(n, total int) { replace(latest, [2]int{n, total}) })
	}()
	return a.report(&progressWriter{w: w, rc: http.NewResponseController(w)}, r, latest, done)
}

// replace puts a value into a channel of one, in place of an older one that nobody has taken. There is one sender.
func replace(c chan [2]int, v [2]int) {
	select {
	case <-c:
	default:
	}
	c <- v
}

func (a *API) report(out *progressWriter, r *http.Request, latest <-chan [2]int, done <-chan error) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	var state [2]int
	for {
		select {
		case state = <-latest:
			if time.Since(out.last) >= minPause {
				out.validating(state)
			}
		case <-tick.C:
			if out.begun {
				out.validating(state)
			}
		case err := <-done:
			if err != nil && !out.begun {
				return err
			}
			if err != nil {
				a.Log.Warn("shard refused while answering", "request", httpd.Of(r).ID, "error", err)
				return out.fail(err, httpd.Of(r).ID)
			}
			one := 1
			if err := out.line(progressLine{Type: "committing", Stage: "syncing"}); err != nil {
				return err
			}
			return out.line(progressLine{Type: "result", Result: &one})
		}
	}
}

type progressWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	begun bool
	last  time.Time
}

func (p *progressWriter) validating(state [2]int) {
	_ = p.line(progressLine{Type: "validating", Verified: &state[0], Total: &state[1]}) // a client that left is noticed at the end
}

func (p *progressWriter) fail(err error, requestID string) error {
	retry := errs.Is(err, errs.Unavailable)
	msg := "Internal error. Give the request id " + requestID + " to the operator of this hub."
	if e := asError(err); e != nil {
		msg = e.Msg
	}
	return p.line(progressLine{Type: "error", Message: msg, Retryable: &retry})
}

func (p *progressWriter) line(l progressLine) error {
	if !p.begun {
		p.begun = true
		h := p.w.Header()
		h.Set("Content-Type", "application/x-ndjson")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no")
		p.w.WriteHeader(http.StatusOK)
	}
	p.last = time.Now()
	b, _ := json.Marshal(l) // strings and numbers only
	if _, err := p.w.Write(append(b, '\n')); err != nil {
		return err
	}
	return p.rc.Flush()
}

// asError is the error whose message may be shown, nil if there is none.
func asError(err error) *errs.Error {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		return e
	}
	return nil
}
