package lru

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// keys lists what is kept, newest first, and checks that the sums hold.
func keys[K comparable, V any](t *testing.T, c *Cache[K, V]) (out []K) {
	t.Helper()
	var weight int64
	for it := c.ring.next; it != &c.ring; it = it.next {
		out = append(out, it.key)
		weight += it.weight
		if c.byKey[it.key] != it || it.next.prev != it {
			t.Fatalf("%v is not where it should be", it.key)
		}
	}
	if weight != c.weight || len(out) != len(c.byKey) {
		t.Fatalf("%d entries of %d bytes; counted %d of %d", len(out), weight, len(c.byKey), c.weight)
	}
	return out
}

func TestOldestGoFirst(t *testing.T) {
	const each = 40
	c := New[string, int](3 * (each + itemWeight))
	for i, k := range []string{"a", "b", "c"} {
		c.Put(k, i, each)
	}
	if v, ok := c.Get("a"); !ok || v != 0 {
		t.Fatal(v, ok)
	}
	c.Put("d", 3, each)
	if _, ok := c.Get("b"); ok {
		t.Error("b is kept although it was not used for longest")
	}
	if got := keys(t, c); !slices.Equal(got, []string{"d", "a", "c"}) {
		t.Error(got)
	}
	c.Put("c", 9, each+1) // a byte too many
	if v, _ := c.Get("c"); v != 9 {
		t.Error("the old value is kept")
	}
	if got := keys(t, c); !slices.Equal(got, []string{"c", "d"}) {
		t.Error(got)
	}
	c.Remove("d")
	c.Remove("never there")
	c.Put("huge", 1, 1<<40)
	if got := keys(t, c); !slices.Equal(got, []string{"huge"}) {
		t.Error(got)
	}
	c.Put("a", 0, each)
	if got := keys(t, c); !slices.Equal(got, []string{"a"}) {
		t.Error(got)
	}
}

// TestReadersDoNotWait: what was noted as used is found while others read. One that waited for them would wait here for ever.
func TestReadersDoNotWait(t *testing.T) {
	c := New[string, int](1 << 20)
	c.Put("a", 1, 1)
	c.Put("b", 2, 1)
	c.Get("a")
	c.mu.RLock()
	defer c.mu.RUnlock()
	for range 3 {
		if v, ok := c.Get("a"); !ok || v != 1 {
			t.Fatal(v, ok)
		}
		if _, ok := c.Get("none"); ok {
			t.Fatal("found what was never put")
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	const limit = 10_000
	c := New[uint64, uint64](limit)
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 5000 {
				k := r.Uint64N(200)
				switch r.Uint64N(8) {
				case 0:
					c.Remove(k)
				case 1, 2, 3:
					c.Put(k, k*k, r.Int64N(300))
				default:
					if v, ok := c.Get(k); ok && v != k*k {
						t.Errorf("%d has the value %d", k, v)
					}
				}
			}
		})
	}
	wg.Wait()
	if keys(t, c); c.weight > limit {
		t.Error(c.weight)
	}
}
