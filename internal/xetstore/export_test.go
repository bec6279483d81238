package xetstore

import (
	"testing"
	"time"
)

// AwaitAhead waits until so many bytes of what the scope sends have been hashed ahead.
func (s *Store) AwaitAhead(t testing.TB, sc Scope, bytes int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if n := s.aheads.hashed(sc.run()); n == bytes {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%d bytes were hashed ahead, not %d", n, bytes)
		}
	}
}

func (a *aheads) hashed(k runKey) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.runs[k]; r != nil {
		return r.hashed
	}
	return 0
}

// IsFollowed reports whether what the scope sends is hashed ahead.
func (s *Store) IsFollowed(sc Scope) bool {
	s.aheads.mu.Lock()
	defer s.aheads.mu.Unlock()
	return s.aheads.runs[sc.run()] != nil
}
