package gitstore

import (
	"time"

	"github.com/cairnhub/cairn/internal/lru"
)

// ForgetFacts drops what was computed.
func (s *Store) ForgetFacts() { s.facts = lru.New[factKey, any](s.o.ObjectCacheBytes / 4) }

// Age has all copies last checked so long ago.
func (c *Copies) Age(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.byRepo {
		w.checked = w.checked.Add(-d)
	}
}
