package gitstore

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// KeyPrefix begins the keys of all packs and catalogs.
const KeyPrefix = keyPrefix

const (
	selectPackKeys  = `SELECT DISTINCT pack_key, index_key, size FROM git_pack WHERE pack_key <> ''`
	selectPackRepos = `SELECT DISTINCT repo_id FROM git_pack WHERE pack_key <> '' AND pack_key = ? ORDER BY repo_id LIMIT ?`
)

// EachObject calls fn with the keys of every pack and catalog that a row names, once each, in no order, and with the bytes
// that the row says a pack has; -1: it does not say. It holds one query open.
func EachObject(ctx context.Context, q db.Queryer, fn func(key string, size int64) error) error {
	rows, err := q.Query(ctx, selectPackKeys)
	if err != nil {
		return errs.Wrap("gitstore.EachObject", err)
	}
	defer rows.Close()
	for rows.Next() {
		var pack, index string
		var size int64
		if err := rows.Scan(&pack, &index, &size); err != nil {
			return errs.Wrap("gitstore.EachObject", err)
		}
		if err := fn(pack, size); err != nil {
			return err
		}
		if index != "" {
			if err := fn(index, -1); err != nil {
				return err
			}
		}
	}
	return errs.Wrap("gitstore.EachObject", rows.Err())
}

// ReposOf are some of the repositories, by id, that have a pack, which is named by its own key or by its catalog's.
func ReposOf(ctx context.Context, q db.Queryer, key string, limit int) (ids []string, err error) {
	if stem, ok := strings.CutSuffix(key, catalogExt); ok {
		key = stem + packExt
	}
	err = q.Select(ctx, &ids, selectPackRepos, key, limit)
	return ids, errs.Wrap("gitstore.ReposOf", err)
}

// RepoOfKey is the id of the repository that a pack was made for.
func RepoOfKey(key string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(key, keyPrefix), "/")
	return id
}

// errCorruptCopy is matched by what a stored pack or catalog is not.
var errCorruptCopy = errors.New("the bytes are not those that were stored")

// CopyObject writes a pack or a catalog to w and returns its bytes. A pack must hash to its trailer and to its key, a
// catalog to its checksum. Otherwise the error is [blob.ErrDamaged], and what was written to w is worth nothing.
func CopyObject(ctx context.Context, src blob.Store, key string, w io.Writer) (int64, error) {
	check := newTailHash(crc32.New(crc32.MakeTable(crc32.Castagnoli)), 4)
	isPack := strings.HasSuffix(key, packExt)
	if isPack {
		check = newTailHash(sha1.New(), sha1.Size)
	}
	r, err := blob.OpenAll(ctx, src, key)
	if err != nil {
		return 0, blob.Damaged(key, err)
	}
	defer r.Close()
	n, err := io.CopyBuffer(io.MultiWriter(w, check), onlyReader{r}, make([]byte, copyBuffer))
	if err == nil && isPack {
		err = check.packOf(key)
	} else if err == nil {
		err = check.catalog()
	}
	return n, blob.Damaged(key, err, errCorruptCopy)
}

const copyBuffer = 256 << 10

// onlyReader hides io.WriterTo, whose pieces are as small as it likes.
type onlyReader struct{ io.Reader }

// tailHash hashes what is written to it but the last bytes, which it keeps.
type tailHash struct {
	hash.Hash
	tail []byte
	size int
}

func newTailHash(h hash.Hash, size int) *tailHash { return &tailHash{Hash: h, size: size} }

func (t *tailHash) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) >= t.size {
		t.Hash.Write(t.tail)
		t.Hash.Write(p[:len(p)-t.size])
		t.tail = append(t.tail[:0], p[len(p)-t.size:]...)
		return n, nil
	}
	t.tail = append(t.tail, p...)
	if over := len(t.tail) - t.size; over > 0 {
		t.Hash.Write(t.tail[:over])
		t.tail = append(t.tail[:0], t.tail[over:]...)
	}
	return n, nil
}

// packOf compares a pack's SHA-1 with its trailer and with its key.
func (t *tailHash) packOf(key string) error {
	sum := t.Sum(nil)
	if !bytes.Equal(sum, t.tail) {
		return fmt.Errorf("checksum of the pack: %w", errCorruptCopy)
	}
	name, _, _ := strings.Cut(key[strings.LastIndexByte(key, '/')+1:], "-")
	if name != hex.EncodeToString(sum) {
		return fmt.Errorf("another pack: %w", errCorruptCopy)
	}
	return nil
}

// catalog compares a catalog's CRC-32C with its end.
func (t *tailHash) catalog() error {
	if len(t.tail) != t.size || binary.LittleEndian.Uint32(t.tail) != binary.BigEndian.Uint32(t.Sum(nil)) {
		return fmt.Errorf("checksum of the catalog: %w", errCorruptCopy)
	}
	return nil
}
