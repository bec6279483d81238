package patch

import (
	"cmp"
	"path"
	"slices"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// RenameLimits bound the search for renamed files whose content changed as well. What is beyond them stays deleted and
// added; renames of equal content are found among any number.
type RenameLimits struct {
	Pairs int   // deleted files times added ones
	Bytes int64 // of all of them together whose sizes are not too far apart
}

// Blobs is how contents are read: their size without reading, and their bytes.
type Blobs interface {
	Size(oid hub.OID) (int64, error)
	Bytes(oid hub.OID) ([]byte, error)
}

// Renames joins deleted and added files that are one file under another name: first those of equal content, then those
// that kept their base name and most of their content, then those with half of it, the most similar first. The result
// keeps the order of files; a renamed one stands where its new name does.
func Renames(files []File, limits RenameLimits, blobs Blobs) ([]File, error) {
	m := matcher{files: files, blobs: blobs, prints: map[hub.OID]fingerprint{}, source: map[int]int{}, used: map[int]bool{}}
	m.equal()
	if err := m.alike(limits); err != nil {
		return nil, err
	}
	return m.joined(), nil
}

type matcher struct {
	files  []File
	blobs  Blobs
	prints map[hub.OID]fingerprint
	source map[int]int  // added file -> the deleted one that it was
	used   map[int]bool // deleted files that have a new name
}

func (m *matcher) open(want func(*File) bool) (out []int) {
	for i := range m.files {
		if _, found := m.source[i]; want(&m.files[i]) && !found && !m.used[i] {
			out = append(out, i)
		}
	}
	return out
}

func (m *matcher) join(gone, come, score int) {
	m.source[come], m.used[gone] = gone, true
	m.files[come].Similarity = score * 100 / whole
}

// equal joins files of the same content, preferring one with the same base name.
func (m *matcher) equal() {
	byOID := map[hub.OID][]int{}
	for _, i := range m.open((*File).Deleted) {
		if len(byOID[m.files[i].OldOID]) < maxAlternatives {
			byOID[m.files[i].OldOID] = append(byOID[m.files[i].OldOID], i)
		}
	}
	for _, come := range m.open((*File).Added) {
		best := -1
		for _, gone := range byOID[m.files[come].NewOID] {
			if m.used[gone] || !sameKind(m.files[gone].OldMode, m.files[come].NewMode) {
				continue
			}
			if named := m.named(gone, come); best < 0 || named {
				best = gone
				if named {
					break
				}
			}
		}
		if best >= 0 {
			m.join(best, come, whole)
		}
	}
}

const maxAlternatives = 100 // deleted files of one content that are looked at

func sameKind(a, b git.Mode) bool {
	return a == b || isRegular(a) && isRegular(b)
}

func isRegular(m git.Mode) bool { return m.IsBlob() && m != git.ModeSymlink }

func (m *matcher) named(gone, come int) bool {
	return path.Base(m.files[gone].OldPath) == path.Base(m.files[come].Path)
}

// alike joins files of similar content.
func (m *matcher) alike(limits RenameLimits) error {
	gone, come := m.regular((*File).Deleted), m.regular((*File).Added)
	if len(gone)*len(come) > limits.Pairs {
		return nil
	}
	nearGone, nearCome, cost, err := m.near(gone, come)
	if err != nil || cost.bytes > limits.Bytes || cost.compared > comparedPerByte*limits.Bytes || len(nearGone) == 0 {
		return err
	}
	if err := m.byName(gone, come); err != nil {
		return err
	}
	return m.byContent(m.unjoined(nearGone), m.unjoined(nearCome))
}

// comparedPerByte is how many times what is read may be gone through again in pairs.
const comparedPerByte = 32

// cost is the bytes of files that are near to another, and those that are gone through pair by pair.
type cost struct{ bytes, compared int64 }

// near leaves out files that are not of about the size of any on the other side, and sums up the others.
func (m *matcher) near(gone, come []int) (nearGone, nearCome []int, c cost, err error) {
	sizes := map[int]int64{}
	for _, i := range append(slices.Clone(gone), come...) {
		if sizes[i], err = m.blobs.Size(m.oid(i)); err != nil {
			return nil, nil, c, err
		}
	}
	near := map[int]bool{}
	for _, g := range gone {
		for _, k := range come {
			if !tooFar(sizes[g], sizes[k]) {
				near[g], near[k] = true, true
				c.compared += sizes[g]
			}
		}
	}
	for i := range near {
		c.bytes += sizes[i]
	}
	far := func(i int) bool { return !near[i] }
	return slices.DeleteFunc(slices.Clone(gone), far), slices.DeleteFunc(slices.Clone(come), far), c, nil
}

// unjoined are those of the files that are still only deleted or added.
func (m *matcher) unjoined(files []int) []int {
	return slices.DeleteFunc(slices.Clone(files), func(i int) bool {
		_, found := m.source[i]
		return found || m.used[i]
	})
}

func (m *matcher) regular(want func(*File) bool) []int {
	return m.open(func(f *File) bool { return want(f) && isRegular(max(f.OldMode, f.NewMode)) })
}

// oid is the content of a file that is on one side only.
func (m *matcher) oid(i int) hub.OID {
	if f := &m.files[i]; !f.Deleted() {
		return f.NewOID
	}
	return m.files[i].OldOID
}

// byName joins files whose base name is the only one of its kind on both sides.
func (m *matcher) byName(gone, come []int) error {
	oldNames, newNames := m.only(gone), m.only(come)
	for _, c := range come {
		base := path.Base(m.files[c].Path)
		g, ok := oldNames[base]
		if !ok || g < 0 || newNames[base] < 0 {
			continue
		}
		score, err := m.score(g, c)
		if err != nil {
			return err
		}
		if score >= similarNamed {
			m.join(g, c, score)
		}
	}
	return nil
}

// only maps base names to the file that has it, -1 for several.
func (m *matcher) only(files []int) map[string]int {
	out := map[string]int{}
	for _, i := range files {
		base := path.Base(m.files[i].Path)
		if _, twice := out[base]; twice {
			out[base] = -1
		} else {
			out[base] = i
		}
	}
	return out
}

type pair struct {
	gone, come, score int
	named             bool
}

func (m *matcher) byContent(gone, come []int) error {
	var pairs []pair
	for _, c := range come {
		for _, g := range gone {
			score, err := m.score(g, c)
			if err != nil {
				return err
			}
			if score >= similar {
				pairs = append(pairs, pair{g, c, score, m.named(g, c)})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if a.score == b.score && a.named != b.named {
			if a.named {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.score, a.score)
	})
	for _, p := range pairs {
		if _, found := m.source[p.come]; !found && !m.used[p.gone] {
			m.join(p.gone, p.come, p.score)
		}
	}
	return nil
}

func (m *matcher) score(gone, come int) (int, error) {
	a, err := m.blobs.Size(m.oid(gone))
	if err != nil {
		return 0, err
	}
	b, err := m.blobs.Size(m.oid(come))
	if err != nil || tooFar(a, b) {
		return 0, err
	}
	old, err := m.print(m.oid(gone))
	if err != nil {
		return 0, err
	}
	new, err := m.print(m.oid(come))
	return similarity(old, new), err
}

func (m *matcher) print(oid hub.OID) (fingerprint, error) {
	if p, ok := m.prints[oid]; ok {
		return p, nil
	}
	data, err := m.blobs.Bytes(oid)
	if err != nil {
		return fingerprint{}, err
	}
	p := printOf(data)
	m.prints[oid] = p
	return p, nil
}

func (m *matcher) joined() []File {
	out := make([]File, 0, len(m.files))
	for i, f := range m.files {
		if m.used[i] {
			continue
		}
		if g, ok := m.source[i]; ok {
			old := m.files[g]
			f.OldPath, f.OldMode, f.OldOID = old.OldPath, old.OldMode, old.OldOID
		}
		out = append(out, f)
	}
	return out
}
