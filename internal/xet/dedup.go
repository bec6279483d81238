package xet

import "time"

// globalDedupModulus makes about one chunk in 1024 eligible: neighbours come along in the answer, so a sample suffices.
const globalDedupModulus = 1024

// GlobalDedupEligible reports whether clients may ask for a chunk for the sake of its hash alone. (They also ask for the first
// chunk of each file, and shards may flag others with [ChunkGlobalDedup].)
func GlobalDedupEligible(h Hash) bool { return h.LastU64()%globalDedupModulus == 0 }

// BuildDedupShard answers the question where else a chunk is stored: a shard without files that lists whole xorbs with each
// chunk hash hidden under key, so that a client recognises the chunks that it has and learns nothing of others. The key must
// not be zero, which means "not hidden"; it panics on that.
//
// xorbs[0] is the one that holds the chunk; the others are its neighbours. A neighbour of a single chunk is left out: its
// xorb hash, which stands there openly, is that chunk's hash (Xet protocol specification, "Shard format" and "Deduplication").
func BuildDedupShard(key [32]byte, now, expiry time.Time, xorbs []*Index) []byte {
	if key == [32]byte{} {
		panic("xet: dedup answer without a key")
	}
	size := 4*shardRecord + shardFooterSize
	for _, x := range xorbs {
		size += shardRecord * (1 + x.NumChunks())
	}
	w := shardWriter{b: make([]byte, 0, size)}
	w.header(true)
	w.bookend()
	f := shardFooter{xorbOffset: w.offset(), key: key, created: unixSeconds(now), expiry: unixSeconds(expiry)}
	k := newKeyedHasher(key)
	for i, x := range xorbs {
		if i > 0 && x.NumChunks() == 1 {
			continue
		}
		w.hiddenXorb(k, x)
		f.storedBytes += x.RawLen(0, x.NumChunks())
	}
	w.bookend()
	w.footer(&f)
	return w.b
}

func (w *shardWriter) hiddenXorb(k *keyedHasher, x *Index) {
	n := x.NumChunks()
	w.record(x.Hash, 0, uint32(n), uint32(x.RawLen(0, n)), 0)
	for i := range x.Chunks {
		_, _ = k.b3.Write(x.Chunks[i].Hash[:])
		w.record(k.sum(), uint32(x.rawEnd(i)), uint32(x.RawLen(i, i+1)))
	}
}
