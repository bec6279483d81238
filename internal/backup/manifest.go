package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

const (
	catalogueDir  = "catalogue/"
	objectDir     = "objects/"
	manifestName  = "/manifest.json"
	format        = 1
	maxManifest   = 16 << 20
	maxDamageKept = 10_000
)

// Manifest is what a copy consists of. A copy is whole when the manifest's own hash and those of its parts fit, and the
// objects of its list are there.
type Manifest struct {
	Format   int          `json:"format"`
	ID       string       `json:"id"`
	Created  time.Time    `json:"created"` // the moment of the rows
	Finished time.Time    `json:"finished"`
	Cairn    string       `json:"cairn"`  // version of the program
	Schema   int64        `json:"schema"` // of the database
	Engine   db.Dialect   `json:"engine"`
	Tables   []TableCount `json:"tables"`
	Rows     []Part       `json:"rows"`
	Objects  ObjectList   `json:"objects"`
	Copied   bool         `json:"copied"` // the objects lie beside it; if not, they are the hub's own

	// Damaged are objects that rows name and that were not sound where they were copied from: they are not in the list.
	Damaged []Damage `json:"damaged,omitempty"`
	// MoreDamaged is how many there were beyond a list of tolerable length.
	MoreDamaged int64 `json:"more_damaged,omitempty"`
	// Lost is how many objects had been given up before and are not in the list either: the rows say so.
	Lost int64 `json:"lost,omitempty"`
}

// TableCount is how many rows a table had.
type TableCount struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Part is an object that a copy's catalogue is made of.
type Part struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ObjectList is the list of a copy's objects.
type ObjectList struct {
	Part
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
}

// Damage is an object that is not what it should be.
type Damage struct {
	Key   string     `json:"key"`
	State blob.State `json:"state"`
	Repos []string   `json:"repos,omitempty"` // some of those that need it
}

// NumDamaged is how many objects were damaged where they were copied from.
func (m *Manifest) NumDamaged() int64 { return int64(len(m.Damaged)) + m.MoreDamaged }

// RowCount is the number of rows.
func (m *Manifest) RowCount() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

var idForm = regexp.MustCompile(`^\d{8}t\d{9}z-[0-9a-f]{8}$`)

// IsID reports that a word has the form of a copy's id.
func IsID(s string) bool { return idForm.MatchString(s) }

// newID is a name that sorts by time, down to the millisecond.
func newID(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return strings.Replace(now.UTC().Format("20060102t150405.000z"), ".", "", 1) + "-" + hex.EncodeToString(b[:])
}

func manifestKey(id string) string { return catalogueDir + id + manifestName }

// write puts the manifest into the store: a line of JSON, and its SHA-256 as the second line.
func (m *Manifest) write(ctx context.Context, s blob.Store) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	body := append(append(b, '\n'), hex.EncodeToString(sum[:])+"\n"...)
	return blob.PutBytes(ctx, s, manifestKey(m.ID), body)
}

// readManifest reads a manifest. One that is not as it was written is damage.
func readManifest(ctx context.Context, s blob.Store, id string) (*Manifest, error) {
	key := manifestKey(id)
	body, err := blob.GetBytes(ctx, s, key, maxManifest)
	if err != nil {
		return nil, err
	}
	line, rest, _ := bytes.Cut(body, []byte("\n"))
	sum := sha256.Sum256(line)
	if string(rest) != hex.EncodeToString(sum[:])+"\n" {
		return nil, torn(key, "it does not have the hash that stands in it")
	}
	m := &Manifest{}
	if err := json.Unmarshal(line, m); err != nil {
		return nil, torn(key, err.Error())
	}
	if m.Format != format {
		return nil, errs.New(errs.Invalid, "Backup %s has format %d, which this version of cairn does not read: use the one that wrote it (%s)", id, m.Format, m.Cairn)
	}
	if m.ID != id {
		return nil, torn(key, "it is another backup's")
	}
	return m, nil
}

// torn is a piece of a copy that is not as it was written.
func torn(key, why string) error {
	return &blob.DamageError{Key: key, State: blob.Corrupt, Err: fmt.Errorf("%s", why)}
}

// Entry is a copy in a store.
type Entry struct {
	ID       string
	Manifest *Manifest // nil: Err says why
	Err      error     // damage of the manifest; errs.NotFound: never finished, or under way
	Started  time.Time // when its first piece was written
	keys     []string  // all its pieces
}

// list finds the copies of a store, oldest first.
func list(ctx context.Context, s blob.Store) (found []Entry, err error) {
	err = eachObject(ctx, s, catalogueDir, func(o blob.Info) error {
		id, _, ok := strings.Cut(strings.TrimPrefix(o.Key, catalogueDir), "/")
		if !ok || !idForm.MatchString(id) {
			return nil
		}
		if n := len(found); n == 0 || found[n-1].ID != id {
			found = append(found, Entry{ID: id, Started: o.ModTime})
		}
		e := &found[len(found)-1]
		e.keys = append(e.keys, o.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		e := &found[i]
		if e.Manifest, e.Err = readManifest(ctx, s, e.ID); e.Err != nil && !isVerdict(e.Err) {
			return nil, e.Err // the store does not answer: nothing is known
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// isVerdict reports that an error says something about the bytes, and not about the way to them.
func isVerdict(err error) bool {
	return isDamage(err) || errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) || errs.Is(err, errs.TooLarge)
}

// eachObject calls fn with every object under a prefix, in the order of the keys.
func eachObject(ctx context.Context, s blob.Store, prefix string, fn func(blob.Info) error) error {
	l := newLister(s, prefix)
	for {
		o, ok, err := l.next(ctx)
		if err != nil || !ok {
			return err
		}
		if err := fn(o); err != nil {
			return err
		}
	}
}

// lister goes through a store's objects in the order of the keys, a page at a time.
type lister struct {
	s      blob.Store
	prefix string
	after  string
	page   []blob.Info
	ended  bool
}

const listPage = 1000

func newLister(s blob.Store, prefix string) *lister { return &lister{s: s, prefix: prefix} }

func (l *lister) next(ctx context.Context) (o blob.Info, ok bool, err error) {
	if len(l.page) == 0 && !l.ended {
		if l.page, err = l.s.List(ctx, l.prefix, l.after, listPage); err != nil {
			return o, false, err
		}
		l.ended = len(l.page) < listPage
	}
	if len(l.page) == 0 {
		return o, false, nil
	}
	o, l.page = l.page[0], l.page[1:]
	l.after = o.Key
	return o, true, nil
}
