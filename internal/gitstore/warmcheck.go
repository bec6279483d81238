package gitstore

import (
	"crypto/sha1" //nolint:gosec // git's files end in it
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/git"
)

// git sends what it has in packs without a look at it, so a bit that flips in a copy would make fetches fail at the clients, who notice,
// for as long as the copy is there. So the files are compared with their checksums when git has failed, while a pack for
// clones is made of them, and now and then while they are used.

const (
	checkEvery   = 10 * time.Minute // at least, while a copy is used; and a hundred times what a check takes
	suspectEvery = time.Minute      // after failures of git, most of which are their clients' doing
)

var errCopyDamaged = errors.New("the disk gives back another copy of the repository than was written; it is made again")

// dropBroken drops a copy after a failure of git if it is not what was written. It says so.
func (c *Copies) dropBroken(w *warmCopy) error {
	c.mu.Lock()
	early := time.Since(w.suspected) < suspectEvery
	if !early {
		w.suspected = time.Now()
	}
	c.mu.Unlock()
	if early {
		return c.dropIf(w, c.lacking(w))
	}
	return c.check(w)
}

// check reads all of a copy, and drops it if it is not what was written. A pack of the cache that is the same file goes, too.
func (c *Copies) check(w *warmCopy) error {
	begun := time.Now()
	packs, err := c.glance(w)
	var damaged []string
	for name, key := range packs {
		path := filepath.Join(w.dir, "objects", "pack", name)
		if e := errors.Join(soundPack(path+".pack", name), soundIdx(path+".idx")); e != nil {
			err = errors.Join(err, e)
			damaged = append(damaged, key)
		}
	}
	c.mu.Lock()
	w.checked, w.checkTook = time.Now(), time.Since(begun)
	c.mu.Unlock()
	for _, key := range damaged {
		if key != "" {
			c.s.files.drop(key)
		}
	}
	return c.dropIf(w, err)
}

// checkAged checks a copy in the background when that was long ago.
func (c *Copies) checkAged(w *warmCopy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.checking || time.Since(w.checked) < max(checkEvery, 100*w.checkTook) {
		return
	}
	c.checking = true
	w.users++
	go func() {
		_ = c.check(w) // it is dropped, which is all that can be done
		c.release(w)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.checking = false
	}()
}

// dropIf drops a copy and the packs for clones that were made of it.
func (c *Copies) dropIf(w *warmCopy, err error) error {
	if err == nil {
		return nil
	}
	c.drop(w)
	c.clones.dropRepo(w.repoID)
	return fmt.Errorf("%w: %w", errCopyDamaged, err)
}

// glance looks at the small files of a copy, and gives its packs with their keys in the store.
func (c *Copies) glance(w *warmCopy) (packs map[string]string, err error) {
	w.sync.Lock() // nobody replaces them meanwhile
	defer w.sync.Unlock()
	packs = make(map[string]string, len(w.packs))
	for name, key := range w.packs {
		packs[name] = key
	}
	want := map[string]string{"config": gitConfig, "HEAD": "ref: " + w.head + "\n"}
	if w.tips != nil {
		want["packed-refs"] = w.tips.packedRefs()
	}
	for name, text := range want {
		b, e := os.ReadFile(filepath.Join(w.dir, name))
		if e == nil && string(b) != text {
			e = fmt.Errorf("%s has another text", name)
		}
		err = errors.Join(err, e)
	}
	return packs, err
}

// lacking says that somebody has deleted a file of a copy.
func (c *Copies) lacking(w *warmCopy) (err error) {
	packs, err := c.glance(w)
	for name := range packs {
		for _, ext := range []string{".pack", ".idx"} {
			_, e := os.Stat(filepath.Join(w.dir, "objects", "pack", name+ext))
			err = errors.Join(err, e)
		}
	}
	return err
}

// soundPack compares a pack with its name.
func soundPack(path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, sum, err := git.VerifyPack(f, info.Size())
	if err == nil && sum.String() != strings.TrimPrefix(name, "pack-") {
		err = errors.New("another pack's checksum")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// soundIdx compares an index with the checksum at its end.
func soundIdx(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := sha1.New() //nolint:gosec // see above
	if _, err := io.CopyN(h, f, max(0, info.Size()-sha1.Size)); err != nil {
		return err
	}
	end, err := io.ReadAll(io.LimitReader(f, sha1.Size+1))
	if err == nil && string(end) != string(h.Sum(nil)) {
		err = fmt.Errorf("%s: checksum", filepath.Base(path))
	}
	return err
}
