package app

import "testing"

// What a hub takes fits into what it may, and one without a limit is as before.
func TestMemoryIsShared(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		limit, heap     memory
		uploads, hashes int
		catalogs        int64
	}{
		{0, 0, 16, 2, catalogs},
		{64 * mib, 32 * mib, 1, 1, catalogs * 32 / 944},
		{256 * mib, 128 * mib, 4, 1, catalogs * 128 / 944},
		{512 * mib, 384 * mib, 12, 2, catalogs * 384 / 944},
		{2048 * mib, 1638 * mib, 16, 2, catalogs},
	} {
		if got := memory(c.limit.heap()); got>>20 != c.heap>>20 {
			t.Errorf("%d MiB: a heap of %d, want %d", c.limit>>20, got>>20, c.heap>>20)
		}
		if u, h := c.limit.count(uploadsMost, uploadShare), c.limit.count(hashesMost, hashShare); u != c.uploads || h != c.hashes {
			t.Errorf("%d MiB: %d uploads, %d passwords", c.limit>>20, u, h)
		}
		if got := c.limit.cache(catalogs); got != c.catalogs {
			t.Errorf("%d MiB: %d bytes of catalogs, want %d", c.limit>>20, got, c.catalogs)
		}
		sum := c.limit.cache(catalogs) + c.limit.cache(objects)*13/8 + c.limit.cache(packs) + c.limit.cache(indexes) + c.limit.cache(terms)
		if c.limit > 0 && sum > c.limit.heap()/2 {
			t.Errorf("%d MiB: caches of %d", c.limit>>20, sum>>20)
		}
	}
}
