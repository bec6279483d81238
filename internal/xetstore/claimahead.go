package xetstore

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"slices"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/lru"
	"github.com/cairnhub/cairn/internal/xet"
)

const (
	runsAtOnce  = 64               // uploads that are followed
	runWaiting  = 128              // xorbs of one of them that wait to be hashed
	runIdle     = 10 * time.Minute // after which what comes is another upload
	runWasteful = 64 << 20         // bytes hashed for nothing that do not matter
	sumsKept    = 1 << 20          // bytes of memory for sums
	sumEvery    = 64 << 20         // bytes of a file after which its sum is kept
	sumLeast    = 8 << 20          // bytes that are worth keeping a sum of
)

// prefixKey names the bytes that a sum is of: what a sender has put one behind the other into a repository, as ranges of
// chunks of xorbs, whose hashes fix the bytes. So no sum can be taken for that of other bytes. The sender is part of it: how
// long others' files take to hash tells nothing of theirs.
type prefixKey [sha256.Size]byte

func prefixOf(r runKey) prefixKey { return sha256.Sum256([]byte(r.sender + "\x00" + r.repo)) }

func (k prefixKey) then(s *xet.Segment) prefixKey {
	b := make([]byte, 0, len(k)+len(s.Xorb)+8)
	b = append(append(b, k[:]...), s.Xorb[:]...)
	b = binary.LittleEndian.AppendUint32(b, s.Start)
	return sha256.Sum256(binary.LittleEndian.AppendUint32(b, s.End))
}

// prefixSum is the SHA-256 over the first bytes of a file, ready to go on.
type prefixSum struct {
	key   prefixKey
	hash  hash.Hash
	bytes int64
}

// keptSum is a prefixSum at rest.
type keptSum struct {
	state []byte
	bytes int64
}

// runKey is whose xorbs make one upload.
type runKey struct{ sender, repo string }

func (sc Scope) run() runKey { return runKey{sc.senders()[0], sc.RepoID} }

// aheads hashes what is sent while more is sent. Which chunks make a file, its shard says in the end; but who sends one large
// file sends its xorbs in their order, so that the SHA-256 of them one behind the other is most often what the shard claims.
// Where it is not, the time was spent for nothing, and the user's next uploads are not followed for a while.
//
// The bytes are read back from the disk and checked like all that are read for a claim; they are read then and not again.
type aheads struct {
	store *Store
	sums  *lru.Cache[prefixKey, keptSum]

	mu   sync.Mutex
	runs map[runKey]*run
	wary map[runKey]time.Time // until when they are not followed
}

// run is an upload that is followed.
type run struct {
	sum     prefixSum
	hashed  int64 // bytes for which something was done
	waiting []*runXorb
	last    time.Time
	stopped bool
	working chan struct{} // closed when the goroutine that hashes has ended; nil: there is none

	ctx    context.Context // of who waits for a turn
	cancel context.CancelFunc
}

// runXorb is a xorb that is not hashed yet. One whose upload failed keeps its place, for the next attempt.
type runXorb struct {
	hash           xet.Hash
	coming, stored bool
}

func newAheads(s *Store) *aheads {
	return &aheads{store: s, sums: lru.New[prefixKey, keptSum](sumsKept), runs: map[runKey]*run{}, wary: map[runKey]time.Time{}}
}

// begin says that a xorb comes; the answer is called when it is stored, or not. Xorbs that other nodes may get just as well,
// and that cost a download to read back, are not followed.
func (a *aheads) begin(sc Scope, h xet.Hash) (end func(stored bool)) {
	nothing := func(bool) {}
	if a.store.far || sc.RepoID == "" {
		return nothing
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.follow(sc.run())
	if r == nil {
		return nothing
	}
	i := slices.IndexFunc(r.waiting, func(x *runXorb) bool { return x.hash == h })
	switch {
	case i < 0 && len(r.waiting) == runWaiting:
		r.stop()
		return nothing
	case i < 0:
		i = len(r.waiting)
		r.waiting = append(r.waiting, &runXorb{hash: h})
	case r.waiting[i].coming || r.waiting[i].stored:
		return nothing
	}
	x := r.waiting[i]
	x.coming = true
	return func(stored bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		x.coming, x.stored = false, stored
		a.wake(r)
	}
}

// follow returns the run that a xorb belongs to, nil if it is not followed. The caller holds the lock.
func (a *aheads) follow(k runKey) *run {
	now := a.store.now()
	for other, r := range a.runs {
		if now.Sub(r.last) > runIdle {
			r.stop()
			delete(a.runs, other)
		}
	}
	for other, until := range a.wary {
		if !now.Before(until) {
			delete(a.wary, other)
		}
	}
	if _, ok := a.wary[k]; ok {
		return nil
	}
	r := a.runs[k]
	if r == nil {
		if len(a.runs) == runsAtOnce {
			return nil
		}
		r = &run{sum: prefixSum{key: prefixOf(k), hash: sha256.New()}}
		r.ctx, r.cancel = context.WithCancel(context.Background())
		a.runs[k] = r
	}
	r.last = now
	if r.stopped {
		return nil
	}
	return r
}

// stop ends a run after the xorb that is being hashed. The caller holds the lock.
func (r *run) stop() {
	r.stopped, r.waiting = true, nil
	r.cancel()
}

// next is the xorb to hash next, if it is there. The caller holds the lock.
func (r *run) next() *runXorb {
	if r.stopped || len(r.waiting) == 0 || !r.waiting[0].stored {
		return nil
	}
	return r.waiting[0]
}

// wake has a goroutine hash what is there. The caller holds the lock.
func (a *aheads) wake(r *run) {
	if r.working == nil && r.next() != nil {
		r.working = make(chan struct{})
		go a.work(r)
	}
}

func (a *aheads) work(r *run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for x := r.next(); x != nil; x = r.next() {
		a.mu.Unlock()
		n, err := a.add(r, x.hash)
		a.mu.Lock()
		if err != nil { // reading it for the claim will tell
			r.stop()
			break
		}
		r.hashed += n
		if !r.stopped {
			r.waiting = r.waiting[1:]
		}
	}
	close(r.working)
	r.working = nil
}

// add hashes one more xorb of a run.
func (a *aheads) add(r *run, h xet.Hash) (n int64, err error) {
	if err := a.store.hashes.Take(r.ctx); err != nil {
		return 0, err
	}
	defer a.store.hashes.Give()
	ctx := context.WithoutCancel(r.ctx)
	x, err := a.store.index(ctx, h)
	if err != nil {
		return 0, err
	}
	n = int64(x.RawLen(0, x.NumChunks()))
	whole := xet.Segment{Xorb: h, End: uint32(x.NumChunks()), UnpackedBytes: uint32(n)}
	if a.resume(&r.sum, r.sum.key.then(&whole)) {
		return n, nil
	}
	if err := a.store.stream(ctx, r.sum.hash, true, []xet.Segment{whole}, 0, n); err != nil {
		return 0, err
	}
	r.sum.key = r.sum.key.then(&whole)
	r.sum.bytes += n
	a.keep(&r.sum)
	return n, nil
}

// end is told that the shard of an upload has come, and returns when nothing of the upload is being hashed any more.
func (a *aheads) end(ctx context.Context, k runKey) (hashed int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.runs[k]
	if r == nil {
		return 0
	}
	delete(a.runs, k)
	r.stop()
	if working := r.working; working != nil {
		a.mu.Unlock()
		select {
		case <-working:
		case <-ctx.Done():
		}
		a.mu.Lock()
	}
	return r.hashed
}

// learn is told how many bytes were hashed ahead for an upload, and how many of them its files began with.
func (a *aheads) learn(k runKey, hashed, used int64) {
	if hashed-used < max(runWasteful, used) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.wary) < runsAtOnce {
		a.wary[k] = a.store.now().Add(runIdle)
	}
}

// longest returns the sum over the most first segments of a file that is known, and how many those are.
func (a *aheads) longest(k runKey, segments []xet.Segment) (sum prefixSum, n int) {
	sum = prefixSum{key: prefixOf(k), hash: sha256.New()}
	key := sum.key
	for i := range segments[:min(len(segments), maxPrefix)] {
		key = key.then(&segments[i])
		if a.resume(&sum, key) {
			n = i + 1
		}
	}
	return sum, n
}

// maxPrefix bounds the search for a sum: a file of so many segments has few that are whole xorbs.
const maxPrefix = 1 << 14

// resume makes a sum the one that is kept under a key, if there is one.
func (a *aheads) resume(sum *prefixSum, key prefixKey) bool {
	kept, ok := a.sums.Get(key)
	if !ok || sum.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(kept.state) != nil {
		return false
	}
	sum.key, sum.bytes = key, kept.bytes
	return true
}

func (a *aheads) keep(sum *prefixSum) {
	if state, err := sum.hash.(encoding.BinaryMarshaler).MarshalBinary(); err == nil {
		a.sums.Put(sum.key, keptSum{state, sum.bytes}, int64(len(state))+64)
	}
}
