package db

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/jmoiron/sqlx/reflectx"
)

// mapper finds the struct field of a column, as sqlx does by default.
var mapper = reflectx.NewMapperFunc("db", strings.ToLower)

// maxStatements bounds the prepared statements of one cache. Cairn has some hundreds; lists of parameters of varying
// length add more.
const maxStatements = 1000

// preparer is a pool or one connection.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements keeps prepared statements by their text, since SQLite takes longer to parse a query than to answer it.
type statements struct {
	on preparer

	mu   sync.Mutex
	kept map[string]*statement
}

// statement is prepared once and closed when it has left the cache and its last user is done.
type statement struct {
	sqlx.Stmt
	users int
	gone  bool
}

func newStatements(on preparer) *statements {
	return &statements{on: on, kept: map[string]*statement{}}
}

// take returns the prepared statement; the caller gives it back.
func (s *statements) take(ctx context.Context, query string) (*statement, error) {
	s.mu.Lock()
	st := s.kept[query]
	if st != nil {
		st.users++
		s.mu.Unlock()
		return st, nil
	}
	s.mu.Unlock()
	prepared, err := s.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	st = &statement{Stmt: sqlx.Stmt{Stmt: prepared, Mapper: mapper}, users: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[query] != nil { // another goroutine was faster: this one is for one use
		st.gone = true
		return st, nil
	}
	if len(s.kept) >= maxStatements {
		s.evict()
	}
	s.kept[query] = st
	return st, nil
}

func (s *statements) give(st *statement) {
	s.mu.Lock()
	st.users--
	end := st.gone && st.users == 0
	s.mu.Unlock()
	if end {
		_ = st.Close()
	}
}

// evict drops an arbitrary eighth of the statements: those in use come back soon, and bookkeeping on each use would cost
// more than preparing them again.
func (s *statements) evict() {
	n := maxStatements / 8
	for query, st := range s.kept {
		if n--; n < 0 {
			return
		}
		delete(s.kept, query)
		st.gone = true
		if st.users == 0 {
			_ = st.Close()
		}
	}
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for query, st := range s.kept {
		delete(s.kept, query)
		_ = st.Close()
	}
}

func (s *statements) get(ctx context.Context, dst any, query string, args []any) error {
	st, err := s.take(ctx, query)
	if err != nil {
		return err
	}
	defer s.give(st)
	return st.GetContext(ctx, dst, args...)
}

func (s *statements) list(ctx context.Context, dst any, query string, args []any) error {
	st, err := s.take(ctx, query)
	if err != nil {
		return err
	}
	defer s.give(st)
	return st.SelectContext(ctx, dst, args...)
}

func (s *statements) exec(ctx context.Context, query string, args []any) (int64, error) {
	st, err := s.take(ctx, query)
	if err != nil {
		return 0, err
	}
	defer s.give(st)
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
