package gitstore

import "github.com/cairnhub/cairn/internal/lru"

// ForgetFacts drops what was computed.
func (s *Store) ForgetFacts() { s.facts = lru.New[factKey, any](s.o.ObjectCacheBytes / 4) }
