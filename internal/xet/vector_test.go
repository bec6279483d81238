package xet

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"testing"
)

// The vectors are those of xet-core (aggregated_hashes, data_hash, chunking), of the Xet protocol specification and of
// draft-denis-xet; the leaf lists of xet-core's Merkle cases are written as numbers into vectorLeaves.

func mustHash(t testing.TB, s string) Hash {
	t.Helper()
	h, err := ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func checkHash(t *testing.T, what string, got Hash, want string) {
	t.Helper()
	if got.String() != want {
		t.Errorf("%s: got %s, want %s", what, got, want)
	}
}

func splitMix(seed uint64, n int) []byte {
	b := make([]byte, 0, n+8)
	for s := seed; len(b) < n; {
		s += 0x9E3779B97F4A7C15
		z := s
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		b = binary.LittleEndian.AppendUint64(b, z^z>>31)
	}
	return b[:n]
}

func chunkAll(t testing.TB, r io.Reader) (leaves []Leaf, ends []int) {
	t.Helper()
	c := NewChunker(r)
	end := 0
	for {
		b, err := c.Next()
		if err == io.EOF {
			return leaves, ends
		}
		if err != nil {
			t.Fatal(err)
		}
		end += len(b)
		ends = append(ends, end)
		leaves = append(leaves, Leaf{ChunkHash(b), uint64(len(b))})
	}
}

func hashesOf(leaves []Leaf) []Hash {
	hs := make([]Hash, len(leaves))
	for i, l := range leaves {
		hs[i] = l.Hash
	}
	return hs
}

func TestGearTable(t *testing.T) {
	var b []byte
	for _, v := range gear {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != "106a7a8d97e7074ea409311b0321f36dba49366cf5ff50ce42af62381ac72bdd" {
		t.Errorf("table has sum %s", got)
	}
}

func TestHashString(t *testing.T) {
	var h Hash
	for i := range h {
		h[i] = byte(i)
	}
	const want = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
	checkHash(t, "text", h, want)
	if mustHash(t, want) != h {
		t.Error("does not parse back")
	}
	for _, bad := range []string{"", want[:63], want + "0", "0X" + want[2:], "A" + want[1:], " " + want[1:], "+" + want[1:]} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestStringHashes(t *testing.T) {
	for _, c := range []struct{ data, chunk, file, rng string }{
		{"a", "a4d4ed80fcb2fe5177fc59321d3e6f90faf23e35a48d58303114bf073f34178a", "49a7fffaf5f34109d4a191757f3e541e26437dcd1e0e83153454a503757856be", "1856127f86e6e067d17ce895d84d9963bd53565e566fc0be2a8cee4cf198e63c"},
		{"hello world", "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1", "f15edd43b7e85cfd25e2758ffe13b99fdd09dfa817e8d9f6548722a7a126db7f", "22ef2fdcff5cea306e42ad7e15ed8a0c5e789e7d2ec34658c10d2758946847da"},
		{"Hello World!\n", "e11d004e9968f3c8a9179dca907aafe0fc1cbb73f429fe142514db413b6552f6", "26bcb87aa2953ba3b5c282d9581ac5572a4c7481399a64c03cdff89242a9b3f2", "c3705f8c9bb7e672bdbfdd15f20e16a2e59c4b3668c112799ca991f931da44db"},
		{"", "e0f2cf784e7e5f10c34f84af150e9a5ff9664216debad915364d741049870f67", "", ""},
		{"Hello World!", "d8d408e608fb9ca213b9909a65d86d725f2de4d8d540324be8a363e7a6e228cb", "", ""},
		{"\x00\x01\x02\x03", "43cc9f121b2ff9204410bc692230858b366126254819f9699ea18effa99950d9", "", ""},
		{"\x00\x00\x00\x00", "aa58199b044a93cfc8a2a6ab463fb7fe50d858a654fb825a1acb31fb0f139aba", "", ""},
	} {
		h := ChunkHash([]byte(c.data))
		checkHash(t, "chunk", h, c.chunk)
		if c.file != "" {
			checkHash(t, "file", FileHash([]Leaf{{h, uint64(len(c.data))}}), c.file)
			checkHash(t, "range", RangeHash([]Hash{h}), c.rng)
			checkHash(t, "xorb", XorbHash([]Leaf{{h, uint64(len(c.data))}}), c.chunk)
		}
	}
	raw := ChunkHash([]byte("Hello World!"))
	if got := hex.EncodeToString(raw[:]); got != "a29cfb08e608d4d8726dd8659a90b9134b3240d5d8e42d5fcb28e2a6e763a3e8" {
		t.Errorf("raw form is %s", got)
	}
}

func TestSHA256Order(t *testing.T) {
	sum := sha256.Sum256([]byte("hello world"))
	h := HashFromSHA256(sum)
	checkHash(t, "sha256", h, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")
	if h.SHA256() != sum {
		t.Error("not its own inverse")
	}
}

func TestNodeHash(t *testing.T) {
	two := []Leaf{
		{mustHash(t, "c28f58387a60d4aa200c311cda7c7f77f686614864f5869eadebf765d0a14a69"), 100},
		{mustHash(t, "6e4e3263e073ce2c0e78cc770c361e2778db3b054b98ab65e277fc084fa70f22"), 200},
	}
	n := hashNode(two)
	checkHash(t, "node", n.Hash, "be64c7003ccd3cf4357364750e04c9592b3c36705dee76a71590c011766b6c14")
	if n.Size != 300 {
		t.Errorf("size %d", n.Size)
	}
	checkHash(t, "range", RangeHash(hashesOf(two)), "eb06a8ad81d588ac05d1d9a079232d9c1e7d0b07232fa58091caa7bf333a2768")
}

// vectorLeaves are the leaves of xet-core's cases by number i; their size is 100*i.
var vectorLeaves = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"cfc5d07f6f03c29bbf424132963fe08d19a37d5757aaf520bf08119f05cd56d6",
	"c3e67584b5c4fc2a89837ec39e40f2c8a6bb0b2987ac94cd4b31e5fbdd210a72",
	"0d2beb91b9196929a5ddec9f6e306924ddf4a24268e3e59fd8464738d525af37",
	"adf8773496a9b7319b2e50dc98093f344053b17d8ad37100b9c07d9805988784",
	"4ac202caf347fc1e9c874b1ef6a1c5e619141eb775a6f43f0f0124ccd0060d9e",
	"b3b28636f65c149ea52eb1f94669466f70f033b54cea792824c696ba6ef3c389",
	"0e2c1a002aae913d2c0fc8ddfa4e9e14b7b311b3b0d458726d5d9f6a6318013c",
}

func TestMerkleVectors(t *testing.T) {
	upTo8, ones := []int{0, 1, 2, 3, 4, 5, 6, 7}, slices.Repeat([]int{1}, 32)
	const zero = "0000000000000000000000000000000000000000000000000000000000000000"
	for _, c := range []struct {
		leaves     []int
		xorb, file string
	}{
		{nil, zero, zero},
		{[]int{0}, zero, "638a6bc391964a85939d48f008e8bdbae6a7975e7ca2d87a3ce2492f4e4d8a4c"},
		{[]int{1}, vectorLeaves[1], "8e16257caa3fe079d484d872a8975264b2ff683b0d6db9028cc7c0f968a45661"},
		{[]int{1, 2, 3}, "71ec1275fca074724e2dd666921b3277c7cee603e4d025bcab2d4050015be2bc", "54e55dccc6653c612bdb5576c5d3cb34bb31bc4e100248abccf4c908b3ef7715"},
		{[]int{1, 1, 1, 1}, "89f2ada89ff8c96763c6b25010e6dd76a4c05b1466207633ea559acf2093211b", "2cdba690d0e09563596e0cda626d43eb4c96ef1e994fe72d9b2f5a83cfcd36dd"},
		{[]int{1, 2, 1, 2}, "90f8313ef12df385d237a067aded02562c35ded12116e32eba401dbc86c38031", "284ea045e5a579e99c21ec597c20de1fc0c09e7168162aac00db8f61b3d82dbb"},
		{[]int{1, 2, 1, 2, 3, 4}, "52c826f99507aa05d0b45e9837fa1709e0485425cfbcb1e80db3905cf98b3ee9", "91d21684db364c8883ab8209fa5eb2e781cf07f37e1fa43e731c30839afe422f"},
		{[]int{0, 1, 0, 1}, "e1755c85be07fd6b7a8d7becc85e6d8c5f507f2a3d38b316bcb6f97855e72188", "207caf24fce045ac6d873b4c6186a5a435d600d103e1ae345e55ddf1f4b7f7ef"},
		{[]int{0, 1, 0, 1, 0}, "f36c6a6374a567efd36ed087aeb680b57e3af4e0b5b8e7be2593df4cb647a2de", "ab2f46d31855e1133b3b5b70e78f841394a648710a208923b221c1a8a0572a1f"},
		{[]int{1, 0}, "e8660f81494ca836a58e395c1395ef97870ed71e2b113eec1fab6b3361f46dd6", "274d92f7e2acebaa2b8d63c0b5e7a4fc15814a606e3e3825d55609e671bcc5d9"},
		{[]int{3, 4, 5, 3}, "73b9dc802ab03a0855c66823a18d95c2a785af594535756abf405038b6270cb8", "c7d5be75ef5ec12888027ad305141e4109e599494477661177475c84e12de48b"},
		{[]int{3, 4, 5, 5, 5}, "2c1fd1eca47e284512fcb40fcf45a1874939f9b91c774d46aeba5d004d9d263d", "0799ba7ee2c3fed173a8e8d832cd13970ddc16070ffbc8aa6dcd77476f66dc73"},
		{upTo8, "f62abe77e3fb9c954fe52b0028027ddc90c064c45951a4fd2211d87e5c0011db", "d1b068be5bbdb38992269e8efe61f601881e39f7a7585fd76883cc6ea5c23b44"},
		{slices.Repeat(upTo8, 8), "6554007c9b5d0a5e7918f79596a1b68815c1407535585435f5735db761f21b88", "a8640ab81d48854e00078e12b1ea8be5d90be0ffb5f73a15b7009981d093ddd8"},
		{ones, "0a0123c1617921883b7e13902095fcb86676e77c49120c33b233003b0af0e0a6", "53af4711fd1d5e5bdc7f931b6be932314d8d673cb16ad2482f6f5222eaf9e63d"},
		{append(slices.Clone(upTo8), 1, 1, 1, 1), "e7fc30b73ec9930593f80fe777b334e9d3bb73e45e6a79fa5784b2603446158b", "69e1af2fd6023ce133e0d1b90e32d1d42ef79f5a710f2b0accfc3a735e98de9d"},
		{[]int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7}, "636c65db520ec16e8166f9ec7a0cf9f74b26369077ac60160ec0221c86bc9f77", "6a90ad0d6f5246ac61f1de898c6944c03e14004a1368e6fb23387108c4d039e0"},
	} {
		var leaves []Leaf
		for _, i := range c.leaves {
			leaves = append(leaves, Leaf{mustHash(t, vectorLeaves[i]), uint64(100 * i)})
		}
		checkHash(t, "xorb", XorbHash(leaves), c.xorb)
		checkHash(t, "file", FileHash(leaves), c.file)
	}
}

func TestChunkerVectors(t *testing.T) {
	data := splitMix(0, 1_000_000)
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != "b3d0a1f7938cd4d8413a4dcffd4313e2e8ac0cb61cb1090eb140ea8e9154befb" {
		t.Fatal("generator is wrong")
	}
	leaves, ends := chunkAll(t, bytes.NewReader(data))
	want := []int{84493, 134421, 144853, 243318, 271793, 336457, 467529, 494581, 582000, 596735, 616815, 653164, 678202, 724510, 815591, 827760, 958832, 991092, 1000000}
	if !slices.Equal(ends, want) {
		t.Fatalf("ends %v", ends)
	}
	checkHash(t, "first chunk", leaves[0].Hash, "6eca1e7dadaf08cca5d82d318c800f07c2ddcec115a7e8627e5edd9605b94b8d")
	checkHash(t, "second chunk", leaves[1].Hash, "624ea34d72a06e5d43a1b8dd10763f0d22f165992c397ed97563899b27fdd88a")
	checkHash(t, "last chunk", leaves[18].Hash, "03e5b5f5a088269ec4b329f1e04debfac4cb54b9c0facf038f7e8e0f054be7e2")
	checkHash(t, "xorb", XorbHash(leaves), "6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c")
	checkHash(t, "file", FileHash(leaves), "3d17b2d7d64a0e011b6717a52d9a16bd2c3f05b743fa8adf52a7d75dafab6d89")
	checkHash(t, "range", RangeHash(hashesOf(leaves)), "6daf15a7ed258b91f607e8f5e6723a8564292d12c8104c156f7bad9c255a0180")

	if _, ends := chunkAll(t, bytes.NewReader(splitMix(1, 256_000))); !slices.Equal(ends, []int{25125, 104497, 235569, 256000}) {
		t.Errorf("seed 1: ends %v", ends)
	}
	_, ends = chunkAll(t, bytes.NewReader(bytes.Repeat([]byte{59}, 1_000_000)))
	for i, end := range ends {
		if end != min((i+1)*MaxChunk, 1_000_000) {
			t.Errorf("constant data: end %d is %d", i, end)
		}
	}
}

func TestHelloWorld(t *testing.T) {
	body := append([]byte{0, 11, 0, 0, 0, 11, 0, 0}, "hello world"...)
	xorb := mustHash(t, "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1")
	var stored bytes.Buffer
	x, err := VerifyXorb(bytes.NewReader(body), &stored, xorb)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored.Bytes(), body) {
		t.Error("body was changed")
	}
	sum := sha256.Sum256([]byte("hello world"))
	s := &Shard{
		Files: []File{{
			Hash:         mustHash(t, "f15edd43b7e85cfd25e2758ffe13b99fdd09dfa817e8d9f6548722a7a126db7f"),
			Segments:     []Segment{{xorb, 11, 0, 1}},
			Verification: []Hash{mustHash(t, "22ef2fdcff5cea306e42ad7e15ed8a0c5e789e7d2ec34658c10d2758946847da")},
			SHA256:       &sum,
		}},
		Xorbs: []XorbInfo{{xorb, []ShardChunk{{xorb, 0, 11, 0}}}},
	}
	b := AppendShard(nil, s, true)
	if len(b) != 632 {
		t.Errorf("shard has %d bytes", len(b))
	}
	got, err := ParseShard(bytes.NewReader(b), MaxShard)
	if err != nil {
		t.Fatal(err)
	}
	size, err := VerifyFile(&got.Files[0], func(Hash) (*Index, error) { return x, nil })
	if err != nil || size != 11 || *got.Files[0].SHA256 != sum {
		t.Errorf("size %d, %v", size, err)
	}
	if err := VerifyXorbInfo(&got.Xorbs[0], x); err != nil {
		t.Error(err)
	}

	var w bytes.Buffer
	xw := NewXorbWriter(&w)
	xw.Add([]byte("hello world"), xorb)
	if _, err := xw.Finish(); err != nil || !bytes.Equal(w.Bytes(), body) {
		t.Errorf("written xorb is % x, %v", w.Bytes(), err)
	}
}
