package app

import (
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memory is how many bytes the hub may take in all, 0 when nobody says: the limit of the control group (v1 or v2) that it
// runs in, which is that of its container or service.
type memory int64

// beside is what Go's heap does not know of: the program itself, SQLite's caches, git's processes, and what the kernel
// counts of connections and files that are being read.
const beside = 128 << 20

func memoryLimit() memory {
	n, err := memlimit.FromCgroup() // an error: there is no group, or it has no limit
	if err != nil || n > math.MaxInt64/2 {
		return 0
	}
	return memory(n)
}

// heap is the part that Go may take before it collects as often as it takes.
func (m memory) heap() int64 { return int64(max(m-max(beside, m/5), m/2)) }

// bound has Go keep to it, unless the operator has set GOMEMLIMIT.
func (m memory) bound() {
	if m > 0 && debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(m.heap())
	}
}

// What there is of things that take memory, when there is enough of it.
const (
	uploadsMost = 16
	uploadShare = 32 << 20 // of the heap for each upload, which has some 8 MiB of it: chunks on their way, blocks for the disk
	hashesMost  = 2
	hashShare   = 128 << 20 // for each password that is hashed, in 64 MiB

	cachesMost = 472 << 20 // all that are below
	catalogs   = 256 << 20
	objects    = 64 << 20 // and five eighths as much for what is computed from them
	packs      = 64 << 20
	indexes    = 32 << 20
	terms      = 16 << 20
)

// count is how many of something there may be at once.
func (m memory) count(most int, share int64) int {
	if m == 0 {
		return most
	}
	return int(min(max(m.heap()/share, 1), int64(most)))
}

// cache is the size of a cache: all caches together take half of the heap at most.
func (m memory) cache(size int64) int64 {
	if m == 0 || m.heap() >= 2*cachesMost {
		return size
	}
	return max(size*(m.heap()>>20)/(2*cachesMost>>20), 1)
}
