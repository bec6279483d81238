package xet

import (
	"encoding/hex"
	"slices"
	"strconv"
)

// A Merkle node has minChildren to maxChildren children (fewer only at the tail of a level) and ends at the first child,
// from the third on, whose hash is 0 modulo branching: so an insertion moves few node bounds.
const (
	branching   = 4
	minChildren = 3
	maxChildren = 2*branching + 1
)

// Leaf is one chunk, or one inner node, of a Merkle tree: its hash and the number of uncompressed bytes below it.
type Leaf struct {
	Hash Hash
	Size uint64
}

// XorbHash is the Merkle root of the chunks of a xorb. One chunk is its own root; no chunks give the zero hash.
func XorbHash(chunks []Leaf) Hash {
	var m Merkle
	for _, c := range chunks {
		m.Add(c)
	}
	return m.XorbHash()
}

// FileHash is the hash of a file ("xet hash") from all its chunks in order. The empty file has the zero hash.
func FileHash(chunks []Leaf) Hash {
	var m Merkle
	for _, c := range chunks {
		m.Add(c)
	}
	return m.FileHash()
}

// Merkle computes the root of a tree from its leaves as they come, in memory of the order of the tree's height.
// The zero value is an empty tree. It is not safe for concurrent use.
//
// Source: Xet protocol specification, "Hashing"; xet-core, aggregated_hashes.
type Merkle struct {
	levels []merkleLevel
}

// merkleLevel holds the children of the node that is being filled.
type merkleLevel struct {
	open  [maxChildren]Leaf
	n     int
	total uint64 // nodes that this level has seen, to know a root when it ends alone
}

// Add appends a leaf.
func (m *Merkle) Add(leaf Leaf) { m.add(0, leaf) }

func (m *Merkle) add(depth int, node Leaf) {
	if depth == len(m.levels) {
		m.levels = append(m.levels, merkleLevel{})
	}
	l := &m.levels[depth]
	l.open[l.n] = node
	l.n++
	l.total++
	if l.n == maxChildren || l.n >= minChildren && node.Hash.LastU64()%branching == 0 {
		m.close(depth)
	}
}

// close makes a node of the open children of a level and hands it up.
func (m *Merkle) close(depth int) {
	l := &m.levels[depth]
	node := hashNode(l.open[:l.n])
	l.n = 0
	m.add(depth+1, node)
}

// XorbHash is the root over the leaves added so far; more may follow.
func (m *Merkle) XorbHash() Hash {
	// The open nodes are closed on a copy, so that the tree can still grow.
	t := Merkle{levels: slices.Clone(m.levels)}
	for depth := 0; depth < len(t.levels); depth++ {
		l := &t.levels[depth]
		if l.total == 1 {
			return l.open[0].Hash
		}
		if l.n > 0 {
			t.close(depth)
		}
	}
	return Hash{}
}

// FileHash is the file hash over the leaves added so far; more may follow.
func (m *Merkle) FileHash() Hash {
	if len(m.levels) == 0 {
		return Hash{}
	}
	root := m.XorbHash()
	return fileHashers.hash(root[:])
}

// hashNode hashes the text of a node: a line "<hash> : <size>\n" per child.
func hashNode(children []Leaf) Leaf {
	var buf [maxChildren * (2*HashSize + len(" : \n") + 20)]byte
	text, size := buf[:0], uint64(0)
	for _, c := range children {
		c.Hash.swapWords()
		text = hex.AppendEncode(text, c.Hash[:])
		text = append(text, " : "...)
		text = strconv.AppendUint(text, c.Size, 10)
		text = append(text, '\n')
		size += c.Size
	}
	return Leaf{Hash: nodeHashers.hash(text), Size: size}
}
