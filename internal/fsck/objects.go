package fsck

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

func bytesText(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

// allXorbs verifies the xorbs: of all rows, or of those that a repository has a right to.
func (c *Checker) allXorbs(ctx context.Context) error {
	if c.o.Data && c.o.Repo == nil {
		_, bytes, err := c.d.Xet.Totals(ctx)
		if err != nil {
			return err
		}
		c.total.Add(bytes)
	}
	list := c.xorbRows
	if c.o.Repo != nil {
		list = c.xorbRights
	}
	return each(ctx, c.o.Workers, list, c.xorb)
}

func (c *Checker) xorbRows(ctx context.Context, out func(xetstore.XorbInfo) error) error {
	var after []byte
	for {
		rows, err := c.d.Xet.Xorbs(ctx, after, page)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := out(rows[i]); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[page-1].Hash[:]
	}
}

func (c *Checker) xorbRights(ctx context.Context, out func(xetstore.XorbInfo) error) error {
	var list []xet.Hash
	if err := c.d.Xet.Rights(ctx, c.o.Repo.ID, func(h xet.Hash) { list = append(list, h) }); err != nil {
		return err
	}
	for _, h := range list {
		row, found, err := c.d.Xet.Xorb(ctx, h)
		if err != nil {
			return err
		}
		if !found {
			continue // the files that are made of it say so
		}
		if err := out(row); err != nil {
			return err
		}
	}
	return nil
}

func (c *Checker) level(hash []byte) blob.Level {
	switch {
	case !c.o.Data || !c.o.Subset.takes(hash):
		return blob.Index
	case c.scrub: // what was whole when it came needs no more to be proven whole
		return blob.Data
	}
	return blob.Objects
}

// xorb looks at one. Of one that is known to be damaged all bytes are read, whatever else is: its index may be sound.
func (c *Checker) xorb(ctx context.Context, row xetstore.XorbInfo) error {
	level := c.level(row.Hash[:])
	if row.Damaged {
		level = max(level, blob.Data)
	}
	index, err := c.d.Xet.VerifyXorb(ctx, row.Hash, level)
	c.xorbCount.Add(1)
	if level >= blob.Data {
		c.bytes.Add(row.Stored)
	}
	s, ok, fatal := state(err)
	switch {
	case fatal != nil:
		return fatal
	case !ok:
		return c.badXorb(ctx, row, s, err)
	case index != nil && row.Differs(index):
		return c.xorbRow(ctx, row.Hash, index)
	case row.Damaged && c.o.Note && err == nil:
		return c.d.Xet.MarkSound(ctx, row.Hash)
	}
	return nil
}

// xorbRow compares a row once more: the xorb may have been stored anew since.
func (c *Checker) xorbRow(ctx context.Context, h xet.Hash, index *xet.Index) error {
	row, found, err := c.d.Xet.Xorb(ctx, h)
	if err != nil || !found || !row.Differs(index) {
		return err
	}
	if index, err = c.d.Xet.VerifyXorb(ctx, h, blob.Index); err == nil && row.Differs(index) {
		c.found.add(XorbRow, row.Key(), fmt.Sprintf("the row says %d chunks in %d bytes, the blob has %d in %d", row.Chunks, row.Body, index.NumChunks(), index.BodyLen()))
	}
	_, _, fatal := state(err)
	return fatal
}

// badXorb marks a damaged xorb before anything else, so that from now on nothing is built on it.
func (c *Checker) badXorb(ctx context.Context, row xetstore.XorbInfo, s blob.State, cause error) error {
	h := row.Hash
	if c.o.Note {
		if err := c.d.Xet.NoteDamage(ctx, h); err != nil && !errs.Is(err, errs.NotFound) { // collected meanwhile
			return err
		}
	}
	repos, err := c.d.Xet.ReposWith(ctx, h, maxReposWith)
	if err != nil || row.Damaged && len(repos) == 0 { // known, and nobody's: the collector takes it
		return err
	}
	kind, text := ofObject(kindXorb, s), detail(cause)
	if row.Lost {
		kind, text = XorbLost, "its bytes were given up as lost"
	}
	f := c.found.add(kind, row.Key(), text)
	if f == nil {
		return nil
	}
	for _, id := range repos {
		a, err := c.repoName(ctx, id)
		if err != nil {
			return err
		}
		c.found.touch(f, a)
	}
	c.mu.Lock()
	c.xorbs[h] = f
	c.mu.Unlock()
	return c.tell(ctx, f)
}

// tell writes a finding down now, though all that it takes away may not be known yet: a run may last for days, and end
// before its end.
func (c *Checker) tell(ctx context.Context, f *Finding) error {
	if f == nil || !c.o.Note {
		return nil
	}
	return c.keep(ctx, c.found.copy(f), c.o.Now())
}

func (c *Checker) xorbFinding(h xet.Hash) *Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.xorbs[h]
}

// allPacks verifies the packs of all repositories, of deleted ones that may come back as well, or those of one.
func (c *Checker) allPacks(ctx context.Context) error {
	return each(ctx, c.o.Workers, c.packRows, c.pack)
}

func (c *Checker) packRows(ctx context.Context, out func(gitstore.PackInfo) error) error {
	repoID, seq := "", int64(0)
	if c.o.Repo != nil {
		repoID, seq = c.o.Repo.ID, -1
	}
	for {
		rows, err := c.d.Git.Packs(ctx, repoID, seq, page)
		if err != nil {
			return err
		}
		for i := range rows {
			if c.o.Repo != nil && rows[i].RepoID != c.o.Repo.ID {
				return nil
			}
			if err := out(rows[i]); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		repoID, seq = rows[page-1].RepoID, rows[page-1].Seq
	}
}

func (c *Checker) pack(ctx context.Context, p gitstore.PackInfo) error {
	hash, _ := hex.DecodeString(p.Hash) // a row that is no hash fails the verification
	level := blob.Index
	if len(hash) == len(hub.OID{}) {
		level = c.level(hash)
	}
	err := c.d.Git.VerifyPack(ctx, p, level)
	c.packCount.Add(1)
	if level >= blob.Data {
		c.bytes.Add(p.Size)
	}
	s, ok, fatal := state(err)
	if fatal != nil || ok {
		return fatal
	}
	a, e := c.repoName(ctx, p.RepoID)
	if e != nil {
		return e
	}
	found := c.found.add(ofObject(kindPack, s), p.Key(), detail(err), a)
	if e := c.tell(ctx, found); e != nil {
		return e
	}
	bad, e := c.d.Git.DamagedObjects(ctx, p)
	if e != nil || found == nil {
		return e
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if bad == nil {
		c.broken[p.RepoID] = found
		return nil
	}
	if c.objects[p.RepoID] == nil {
		c.objects[p.RepoID] = map[hub.OID]*Finding{}
	}
	for _, oid := range bad {
		c.objects[p.RepoID][oid] = found
	}
	return nil
}

// badObjects are the damaged objects of a repository; broken is set if they cannot be told.
func (c *Checker) badObjects(repoID string) (objects map[hub.OID]*Finding, broken *Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.objects[repoID], c.broken[repoID]
}

// allPictures verifies what users and organisations show of themselves.
func (c *Checker) allPictures(ctx context.Context) error {
	if c.o.Repo != nil {
		return nil
	}
	return c.eachPicture(ctx, "", func(string, string) error { return nil })
}

// eachPicture verifies the pictures of owners after one, and calls looked after each with its owner and its key.
func (c *Checker) eachPicture(ctx context.Context, after string, looked func(owner, key string) error) error {
	for {
		rows, err := c.d.Profiles.Pictures(ctx, after, page)
		if err != nil {
			return err
		}
		for _, p := range rows {
			if err := c.picture(ctx, p); err != nil {
				return err
			}
			if err := looked(p.OwnerID, p.Key); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[page-1].OwnerID
	}
}

func (c *Checker) picture(ctx context.Context, p profile.Shown) error {
	level := blob.Present
	if c.o.Data {
		level = blob.Data
	}
	err := c.d.Profiles.Verify(ctx, p, level)
	c.pictures.Add(1)
	s, ok, fatal := state(err)
	if fatal != nil || ok {
		return fatal
	}
	return c.tell(ctx, c.found.add(ofObject(kindPicture, s), p.Key, detail(err)+"; shown by "+p.OwnerID))
}
