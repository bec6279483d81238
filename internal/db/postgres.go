package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

const (
	conflictTries = 20 // transactions that PostgreSQL gave up for others
	lostTries     = 3  // transactions whose connection broke before the commit was sent
)

// postgresEngine is a pool of connections. pgx keeps prepared statements per connection by itself.
type postgresEngine struct {
	pool    *sqlx.DB
	limit   int // connections
	config  *pgx.ConnConfig
	answer  time.Duration // how long the server may say nothing to a statement; 0: for ever
	counter atomic.Uint64
	renewed atomic.Int64 // when connections were last given up for being read-only, in unix nanoseconds
}

// openPostgres connects. Besides PostgreSQL's own parameters the URL may carry pool_max_conns, the connections of one
// node at most.
func openPostgres(ctx context.Context, address string) (*postgresEngine, error) {
	address, limit, err := poolLimit(address)
	if err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err) // pgx leaves the password out
	}
	setDefaults(cfg)
	pool := sqlx.NewDb(stdlib.OpenDB(*cfg), "pgx")
	pool.Mapper = mapper
	pool.SetMaxOpenConns(limit)
	pool.SetMaxIdleConns(limit)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("open the database on %s: %w", cfg.Host, err)
	}
	return &postgresEngine{pool: pool, limit: limit, config: cfg, answer: answerTime(cfg.RuntimeParams[statementTimeout])}, nil
}

func poolLimit(address string) (string, int, error) {
	limit := max(16, 4*runtime.NumCPU())
	u, err := url.Parse(address)
	if err != nil {
		return "", 0, errors.New("database URL: not a URL") // the parser's error would show the password
	}
	q := u.Query()
	if s := q.Get("pool_max_conns"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 {
			return "", 0, fmt.Errorf("database URL: pool_max_conns=%q is not a positive number", s)
		}
		q.Del("pool_max_conns")
		u.RawQuery = q.Encode()
	}
	return u.String(), limit, nil
}

// setDefaults bounds what may hang: connecting, statements, transactions that a node left behind.
func setDefaults(cfg *pgx.ConnConfig) {
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
	cfg.DialFunc = dialer.DialContext
	// Others counts nodes by this name, so one that the URL gives comes behind it.
	cfg.RuntimeParams["application_name"] = strings.TrimSpace(processName() + " " + cfg.RuntimeParams["application_name"])
	for name, value := range map[string]string{
		statementTimeout:                      "30s",
		"idle_in_transaction_session_timeout": "60s",
		"standard_conforming_strings":         "on",
		"timezone":                            "UTC",
	} {
		if _, given := cfg.RuntimeParams[name]; !given {
			cfg.RuntimeParams[name] = value
		}
	}
}

// processName tells the connections of one node from those of others, for operators and for Others.
func processName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("cairn %d %.40s", os.Getpid(), host)
}

func (e *postgresEngine) close() error    { return e.pool.Close() }
func (e *postgresEngine) changes() uint64 { return e.counter.Add(1) }
func (e *postgresEngine) share(bool)      {} // it always is

func (e *postgresEngine) settle(context.Context) error { return nil }
func (e *postgresEngine) reads() session               { return postgresReads{postgresSession{e.pool, e.answer}} }

// transact runs f until it commits, fails by itself, or was given up too often.
func (e *postgresEngine) transact(ctx context.Context, f func(*Tx) error) error {
	for try := 1; ; try++ {
		again, err := e.attempt(ctx, f)
		e.renew(err) // its own connection is idle again
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !(again && isConflict(err) && try < conflictTries) && !(again && isLost(err) && try < lostTries) {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// attempt runs f once. again says that nothing was committed for sure, so that running it again is safe.
func (e *postgresEngine) attempt(ctx context.Context, f func(*Tx) error) (again bool, err error) {
	on, give := context.WithCancelCause(ctx) // of the transaction's connection, as long as it is open
	defer give(nil)
	var sqlTx *sqlx.Tx
	err = e.waitFor(on, give, func() error {
		sqlTx, err = e.pool.BeginTxx(on, &sql.TxOptions{Isolation: sql.LevelSerializable})
		return err
	})
	if err != nil {
		return true, err
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after a commit
	tx := &Tx{dialect: Postgres, session: postgresSession{sqlTx, e.answer}}
	if err := tx.body(ctx, f); err != nil {
		if tx.failed != nil { // whatever f made of it
			return true, errors.Join(err, tx.failed)
		}
		return false, err
	}
	if err := e.waitFor(on, give, sqlTx.Commit); err != nil {
		return isConflict(err), fmt.Errorf("commit: %w", err)
	}
	tx.committed()
	return false, nil
}

// renew gives up the connections when one of them leads to a server that has become read-only: after a failover they all
// lead there, and new ones lead to the server that took its place.
func (e *postgresEngine) renew(err error) {
	now, last := time.Now().UnixNano(), e.renewed.Load()
	if postgresCode(err) != readOnly || now-last < int64(time.Second) || !e.renewed.CompareAndSwap(last, now) {
		return
	}
	e.pool.SetMaxIdleConns(0) // closes those that are idle
	e.pool.SetMaxIdleConns(e.limit)
}

// pause waits from 1 ms, twice as long each time up to 128 ms, give or take half.
func pause(ctx context.Context, try int) error {
	d := time.Millisecond << min(try-1, 7)
	d = d/2 + rand.N(d)
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// postgresSession runs statements on the pool or on one transaction.
type postgresSession struct {
	on interface {
		sqlx.ExtContext
		GetContext(ctx context.Context, dst any, query string, args ...any) error
		SelectContext(ctx context.Context, dst any, query string, args ...any) error
	}
	answer time.Duration
}

func (s postgresSession) get(ctx context.Context, dst any, query string, args []any) error {
	return withAnswer(ctx, s.answer, func(ctx context.Context) error { return s.on.GetContext(ctx, dst, rebind(query), args...) })
}

func (s postgresSession) list(ctx context.Context, dst any, query string, args []any) error {
	return withAnswer(ctx, s.answer, func(ctx context.Context) error { return s.on.SelectContext(ctx, dst, rebind(query), args...) })
}

func (s postgresSession) exec(ctx context.Context, query string, args []any) (rows int64, err error) {
	err = withAnswer(ctx, s.answer, func(ctx context.Context) error {
		res, err := s.on.ExecContext(ctx, rebind(query), args...)
		if err == nil {
			rows, err = res.RowsAffected()
		}
		return err
	})
	return rows, err
}

func (s postgresSession) rows(ctx context.Context, query string, args []any) (*sqlx.Rows, error) {
	return s.on.QueryxContext(ctx, rebind(query), args...)
}

// postgresReads repeats a read once when its connection turns out to be dead, as all are after a restart of the server.
type postgresReads struct{ postgresSession }

func (s postgresReads) get(ctx context.Context, dst any, query string, args []any) error {
	return retryRead(ctx, func() error { return s.postgresSession.get(ctx, dst, query, args) })
}

func (s postgresReads) list(ctx context.Context, dst any, query string, args []any) error {
	return retryRead(ctx, func() error { return s.postgresSession.list(ctx, dst, query, args) })
}

func (s postgresReads) rows(ctx context.Context, query string, args []any) (rows *sqlx.Rows, err error) {
	err = retryRead(ctx, func() error { rows, err = s.postgresSession.rows(ctx, query, args); return err })
	return rows, err
}

func retryRead(ctx context.Context, read func() error) error {
	err := read()
	for try := 1; err != nil && ctx.Err() == nil && isLost(err) && try < lostTries; try++ {
		err = read()
	}
	return err
}
