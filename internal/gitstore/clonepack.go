package gitstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/tempfile"
)

// A clone gets all that some refs reach, and that never changes. So the pack that git makes for the first who asks is
// kept on the node's disk while the refs stay as they are: the next clones read a file and start no process, and those
// that come while it is made read along. It is a cache like the warm copies, and may be deleted at any time.

// cloneTime bounds the making of one pack.
const cloneTime = time.Hour

// cloneShare is the part of the copies' disk that packs for clones may take, as a divisor; a repository that is larger
// than a quarter of that is streamed by git each time.
const cloneShare = 2

// maxClonePacks bounds how many are kept: each holds a descriptor.
const maxClonePacks = 64

// clonePacks are the packs of all repositories, by what they answer.
type clonePacks struct {
	mu     sync.Mutex
	byKey  map[cloneKey]*clonePack
	bytes  int64 // of those that are whole
	making int64 // about, of those that are not
}

type cloneKey struct {
	repo string
	want [sha256.Size]byte
}

// cloneBlock is how much of a pack has a checksum of its own, which is looked at before the block's last bytes leave: the file may lie on the
// disk for days, and git itself looks at nothing that it copies into a clone.
const cloneBlock = 1 << 20

var (
	castagnoli      = crc32.MakeTable(crc32.Castagnoli)
	errCloneDamaged = errors.New("the disk gives back another pack than git made")
)

// clonePack is a pack that is being made or is whole.
type clonePack struct {
	key  cloneKey
	tips [sha256.Size]byte // the refs for which it was made
	file *os.File          // written by one, read at offsets by many; it has no name on the disk any more
	stop context.CancelFunc

	mu      sync.Mutex
	size    int64
	sums    []uint32 // of each whole block, as git wrote it; of what follows when all is there
	sum     uint32   // of the block that is being written
	done    bool
	err     error
	changed chan struct{} // closed with each change

	// Guarded by clonePacks.mu.
	readers int
	used    time.Time
	making  int64 // bytes counted until it is whole
	kept    int64 // and then
}

// Clone is the pack of all that the wants reach, with tags of what it holds if these are asked for. ok is false when
// that is not kept: the wants are not the tips of refs, or there is too much of it.
func (p *Copy) Clone(ctx context.Context, wants []hub.OID, tags bool) (r *CloneReader, ok bool, err error) {
	size, limit := p.storedBytes(), p.c.max/cloneShare
	if !p.areTips(wants) || size > limit/4 {
		return nil, false, nil
	}
	key, request := p.cloneRequest(wants, tags)
	k := &p.c.clones
	k.mu.Lock()
	defer k.mu.Unlock()
	cp := k.byKey[key]
	if cp == nil {
		k.dropOlder(key.repo, p.tips.id)
		if !k.makeRoom(size, limit) {
			return nil, false, nil
		}
		if cp, err = p.makeClonePack(ctx, key, request, tags); err != nil {
			return nil, false, err
		}
		if k.byKey == nil {
			k.byKey = map[cloneKey]*clonePack{}
		}
		k.byKey[key] = cp
		cp.making = size
		k.making += size
	}
	cp.readers++
	return &CloneReader{k: k, p: cp}, true, nil
}

func (p *Copy) areTips(wants []hub.OID) bool {
	tips := make(map[hub.OID]bool, len(p.tips.Refs))
	for _, r := range p.tips.Refs {
		tips[r.OID] = true
	}
	return len(wants) > 0 && !slices.ContainsFunc(wants, func(oid hub.OID) bool { return !tips[oid] })
}

func (p *Copy) storedBytes() (n int64) {
	for _, pk := range p.view.st.Load().all() {
		n += pk.size
	}
	return n
}

// cloneRequest is what pack-objects reads, and a key of what it makes of that: with tags, it depends on all refs.
func (p *Copy) cloneRequest(wants []hub.OID, tags bool) (cloneKey, string) {
	lines := make([]string, len(wants))
	for i, oid := range wants {
		lines[i] = oid.String()
	}
	slices.Sort(lines)
	request := strings.Join(slices.Compact(lines), "\n") + "\n"
	of := request
	if tags {
		of = string(p.tips.id[:]) + request
	}
	return cloneKey{p.w.repoID, sha256.Sum256([]byte(of))}, request
}

// makeClonePack starts git. It goes on without the client that asked first, as long as others read.
func (p *Copy) makeClonePack(ctx context.Context, key cloneKey, request string, tags bool) (*clonePack, error) {
	f, err := tempfile.New(p.c.root)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cloneTime)
	cp := &clonePack{key: key, tips: p.tips.id, file: f, stop: cancel, changed: make(chan struct{})}
	args := []string{"pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q"}
	if tags {
		args = append(args, "--include-tag")
	}
	p.c.hold(p.w)
	go func() {
		defer cancel()
		checked := make(chan error, 1)
		go func() { checked <- p.c.check(p.w) }() // what is made is kept
		stderr, err := p.c.run(ctx, process{args: args, env: []string{"GIT_DIR=" + p.w.dir}, stdin: strings.NewReader(request), stdout: cp})
		if damage := <-checked; err != nil || damage != nil {
			err = &processError{"pack-objects", errors.Join(err, damage), strings.TrimSpace(stderr)}
		}
		p.c.release(p.w)
		p.c.clones.finish(cp, err, p.c.max/cloneShare)
	}()
	return cp, nil
}

// Write takes what git makes.
func (cp *clonePack) Write(b []byte) (int, error) {
	cp.mu.Lock()
	at := cp.size
	cp.mu.Unlock()
	n, err := cp.file.WriteAt(b, at)
	cp.mu.Lock()
	defer cp.mu.Unlock()
	cp.count(b[:n])
	cp.tell()
	return n, err
}

// count takes what was written into the checksums; the caller holds mu.
func (cp *clonePack) count(b []byte) {
	for len(b) > 0 {
		n := min(int64(len(b)), cloneBlock-cp.size%cloneBlock)
		cp.sum = crc32.Update(cp.sum, castagnoli, b[:n])
		b = b[n:]
		if cp.size += n; cp.size%cloneBlock == 0 {
			cp.sums, cp.sum = append(cp.sums, cp.sum), 0
		}
	}
}

// sound compares the checksum of what a reader got since the last whole block with that of what was written.
func (cp *clonePack) sound(upTo int64, sum uint32) bool {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	if upTo%cloneBlock != 0 {
		return sum == cp.sum // the end
	}
	return upTo == 0 || sum == cp.sums[upTo/cloneBlock-1]
}

// tell wakes who waits; the caller holds mu.
func (cp *clonePack) tell() {
	close(cp.changed)
	cp.changed = make(chan struct{})
}

// finish counts a pack that is whole and makes room for it, or forgets one that failed.
func (k *clonePacks) finish(cp *clonePack, err error, limit int64) {
	cp.mu.Lock()
	cp.done, cp.err = true, err
	size := cp.size
	cp.tell()
	cp.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.making -= cp.making
	cp.making = 0
	if err != nil {
		k.forget(cp)
		return
	}
	if k.byKey[cp.key] != cp {
		return // nobody waited for it
	}
	cp.kept, cp.used = size, time.Now()
	k.bytes += size
	k.makeRoom(0, limit)
}

// makeRoom forgets packs that nobody reads until there is room for one of size bytes more. Without room, who asks is
// served by git itself.
func (k *clonePacks) makeRoom(size, limit int64) bool {
	more := 0
	if size > 0 {
		more = 1
	}
	for k.bytes+k.making+size > limit || len(k.byKey)+more > maxClonePacks {
		oldest := k.oldest()
		if oldest == nil {
			return false
		}
		k.forget(oldest)
	}
	return true
}

// oldest is the pack that nobody reads and that was not used for longest.
func (k *clonePacks) oldest() (oldest *clonePack) {
	for _, cp := range k.byKey {
		if cp.readers == 0 && (oldest == nil || cp.used.Before(oldest.used)) {
			oldest = cp
		}
	}
	return oldest
}

// trim forgets what nobody has read since a time.
func (k *clonePacks) trim(before time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, cp := range k.byKey {
		if cp.readers == 0 && cp.used.Before(before) {
			k.forget(cp)
		}
	}
}

// dropOlder forgets what was made for a repository before its refs moved.
func (k *clonePacks) dropOlder(repo string, tips [sha256.Size]byte) {
	for _, cp := range k.byKey {
		if cp.key.repo == repo && cp.tips != tips && cp.readers == 0 {
			k.forget(cp)
		}
	}
}

// dropRepo forgets what was made of a repository; who reads it goes on.
func (k *clonePacks) dropRepo(repo string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, cp := range k.byKey {
		if cp.key.repo == repo {
			k.forget(cp)
		}
	}
}

// forget takes a pack out of the list; its file goes with its last reader. The caller holds mu.
func (k *clonePacks) forget(cp *clonePack) {
	if k.byKey[cp.key] == cp {
		delete(k.byKey, cp.key)
	}
	k.bytes -= cp.kept
	cp.kept = 0
	if cp.readers == 0 {
		_ = cp.file.Close()
	}
}

// CloneReader reads a pack while it is made or from the disk. Close ends the use.
type CloneReader struct {
	k    *clonePacks
	p    *clonePack
	off  int64
	sum  uint32 // of what was read since the last whole block
	once sync.Once
}

// Read waits for bytes until ctx ends, or for patience: then it gives none and no error, and the caller may show that
// the connection is alive. io.EOF: the pack is whole.
func (r *CloneReader) Read(ctx context.Context, b []byte, patience time.Duration) (int, error) {
	var timer *time.Timer
	for {
		r.p.mu.Lock()
		size, done, err, changed := r.p.size, r.p.done, r.p.err, r.p.changed
		r.p.mu.Unlock()
		if r.off < size {
			return r.readBlock(b[:min(int64(len(b)), size-r.off, cloneBlock-r.off%cloneBlock)])
		}
		switch {
		case done && err == nil && r.off%cloneBlock != 0 && !r.p.sound(r.off, r.sum):
			return 0, r.damaged()
		case done && err == nil:
			return 0, io.EOF
		case done:
			return 0, err
		}
		if timer == nil {
			timer = time.NewTimer(patience)
			defer timer.Stop()
		}
		select {
		case <-changed:
		case <-timer.C:
			return 0, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// readBlock reads within one block.
func (r *CloneReader) readBlock(b []byte) (int, error) {
	n, err := r.p.file.ReadAt(b, r.off)
	r.off += int64(n)
	r.sum = crc32.Update(r.sum, castagnoli, b[:n])
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	if err == nil && r.off%cloneBlock == 0 {
		if !r.p.sound(r.off, r.sum) {
			return 0, r.damaged()
		}
		r.sum = 0
	}
	return n, err
}

// damaged has the next clone make another pack.
func (r *CloneReader) damaged() error {
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	r.k.forget(r.p)
	return errCloneDamaged
}

// Close ends the use. A pack that nobody waits for any more is not made to its end.
func (r *CloneReader) Close() {
	r.once.Do(func() {
		r.k.mu.Lock()
		defer r.k.mu.Unlock()
		cp := r.p
		cp.readers--
		cp.used = time.Now()
		if cp.readers > 0 {
			return
		}
		cp.mu.Lock()
		done := cp.done
		cp.mu.Unlock()
		switch {
		case !done:
			cp.stop()
			r.k.forget(cp)
		case r.k.byKey[cp.key] != cp:
			_ = cp.file.Close()
		}
	})
}
