package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// Job is work to enqueue.
type Job struct {
	Kind string
	// DedupKey, when set, lets at most one job of the kind and key wait: a second one gives its payload to the first.
	// A job that runs already does not count, since it may have looked before what the new one is about.
	DedupKey string
	Payload  any       // kept as JSON
	RunAt    time.Time // zero: now
}

// Handler does a job. An error has it tried again later; ctx ends when the process stops or the lease is lost.
type Handler func(ctx context.Context, payload json.RawMessage) error

// Options tune a queue; zero values take the defaults.
type Options struct {
	Workers     int           // jobs of this process at once: 2
	Lease       time.Duration // how long a silent worker keeps a job: a minute
	Poll        time.Duration // how often to look for jobs of other nodes: a second
	MaxAttempts int           // tries before a job is given up: 15
	Backoff     time.Duration // wait after the first failure, doubled each time: 2 seconds
	MaxBackoff  time.Duration // an hour
	Log         *slog.Logger
	Now         func() time.Time
	// Around, if not nil, is asked for each job by its kind and gives what is run instead of its handler.
	Around func(kind string, h Handler) Handler
}

func (o Options) withDefaults(d *db.DB) Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 15
	}
	def(&o.Lease, time.Minute)
	def(&o.Poll, time.Second)
	def(&o.Backoff, 2*time.Second)
	def(&o.MaxBackoff, time.Hour)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = d.Now
	}
	return o
}

// Queue is one process's view of the queue.
type Queue struct {
	db   *db.DB
	o    Options
	wake chan struct{}

	mu       sync.RWMutex
	handlers map[string]Handler
	every    map[string]time.Duration // by kind
}

// New makes a queue. Nothing runs before Run.
func New(d *db.DB, o Options) *Queue {
	return &Queue{
		db: d, o: o.withDefaults(d), wake: make(chan struct{}, 1),
		handlers: map[string]Handler{}, every: map[string]time.Duration{},
	}
}

// Register names the handler of a kind. Two for one kind are a programming error and panic.
func (q *Queue) Register(kind string, h Handler) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.handlers[kind]; ok {
		panic("jobs: two handlers for " + kind)
	}
	q.handlers[kind] = h
}

func (q *Queue) handler(kind string) Handler {
	q.mu.RLock()
	defer q.mu.RUnlock()
	h := q.handlers[kind]
	if h != nil && q.o.Around != nil {
		h = q.o.Around(kind, h)
	}
	return h
}

// Running reports whether a job of a kind and key runs, on whichever node.
func (q *Queue) Running(ctx context.Context, kind, dedupKey string) (bool, error) {
	var n int
	err := q.db.Get(ctx, &n, countRunning, kind, dedupKey, q.o.Now().UnixMicro())
	return n > 0, errs.Wrap("jobs.Running", err)
}

// Enqueue adds a job within the caller's transaction; given a *db.DB, in one of its own. Workers of this process look
// as soon as it is committed.
func (q *Queue) Enqueue(ctx context.Context, on db.Queryer, j Job) error {
	payload := []byte("{}")
	if j.Payload != nil {
		var err error
		if payload, err = json.Marshal(j.Payload); err != nil {
			return errs.Wrap("jobs.Enqueue", err)
		}
	}
	at := j.RunAt
	if at.IsZero() {
		at = q.o.Now()
	}
	if _, err := on.Exec(ctx, insertJob, j.Kind, j.DedupKey, string(payload), at.UnixMicro()); err != nil {
		return errs.Wrap("jobs.Enqueue", err)
	}
	if tx, ok := on.(*db.Tx); ok {
		tx.AfterCommit(q.poke)
	} else {
		q.poke()
	}
	return nil
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default: // somebody will look anyway
	}
}

// Stats counts the jobs by what they do.
type Stats struct {
	Waiting int64
	Running int64
	Failed  int64 // given up; kept for the operator
}

// Stats counts the queue of all nodes.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := q.db.Get(ctx, &s, countJobs, q.o.Now().UnixMicro(), q.o.Now().UnixMicro())
	return s, errs.Wrap("jobs.Stats", err)
}

func clipError(err error) string {
	const most = 2000
	s := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
