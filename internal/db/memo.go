package db

import "github.com/cairnhub/cairn/internal/lru"

// Memo keeps answers of the database, up to a total weight, for as long as nothing in the database changes. On
// PostgreSQL, where any node may write, it keeps none. It is safe for concurrent use.
type Memo[K comparable, V any] struct {
	db    *DB
	weigh func(V) int64
	kept  *lru.Cache[K, answer[V]]
}

type answer[V any] struct {
	value   V
	changes uint64
}

// NewMemo makes a memo of limit bytes; weigh says how many a value takes.
func NewMemo[K comparable, V any](d *DB, limit int64, weigh func(V) int64) *Memo[K, V] {
	return &Memo[K, V]{db: d, weigh: weigh, kept: lru.New[K, answer[V]](limit)}
}

// Get returns what load answered last, or has it answer. Who gets a value shares it and must not change it.
func (m *Memo[K, V]) Get(key K, load func() (V, error)) (V, error) {
	if m.db.dialect == Postgres {
		return load()
	}
	changes := m.db.Changes() // before the read: what changes meanwhile makes the answer stale
	if a, ok := m.kept.Get(key); ok && a.changes == changes {
		return a.value, nil
	}
	v, err := load()
	if err == nil {
		m.kept.Put(key, answer[V]{v, changes}, m.weigh(v))
	}
	return v, err
}
