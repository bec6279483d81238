package git_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

const signed = `tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904
parent 1b825dc642cb6eb9a060e54bf8d69288fbee4904
author Ünal Ö <u@x> 1700000000 +0530
committer C <c@x> 1700000001 -0300
mergetag object 4b825dc642cb6eb9a060e54bf8d69288fbee4904
 type commit
 
 tagged
encoding ISO-8859-1
gpgsig -----BEGIN PGP SIGNATURE-----
 
 abc
 -----END PGP SIGNATURE-----

Subject
goes on

Body
`

func TestCommitRoundTrip(t *testing.T) {
	c, err := git.ParseCommit([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(c.Encode()); got != signed {
		t.Error(got)
	}
	if c.Subject() != "Subject goes on" || c.Body() != "Body" || c.Encoding() != "ISO-8859-1" || len(c.Parents) != 2 {
		t.Errorf("%+v", c)
	}
	if !strings.HasPrefix(c.GPGSig(), "-----BEGIN") || !strings.HasSuffix(c.GPGSig(), "SIGNATURE-----") {
		t.Errorf("%q", c.GPGSig())
	}
	for _, odd := range []string{"", "tree x\n", "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"} {
		if _, err := git.ParseCommit([]byte(odd)); err == nil {
			t.Errorf("%q was read", odd)
		}
	}
}

func TestCommitsOfOddPeople(t *testing.T) {
	r := newRepo(t)
	for _, who := range []string{"A <a@x> 0 +0000", "<> 1 +0000", "A <a> 99999999999999999999 +0000", "A", "A <a> -5 -0001", "A <<a>> 1 +9999"} {
		raw := "tree " + git.EmptyTree.String() + "\nauthor " + who + "\ncommitter " + who + "\n\nm\n"
		c, err := git.ParseCommit([]byte(raw))
		if err != nil {
			t.Errorf("%q: %v", who, err)
			continue
		}
		r.git(c.Encode(), "hash-object", "-t", "commit", "--literally", "--stdin")
	}
}

func TestPointers(t *testing.T) {
	p := git.Pointer{SHA256: hub.SHA256{0xab}, Size: 12345}
	enc := string(p.Encode())
	if got, ok := git.ParsePointer([]byte(enc)); !ok || got != p {
		t.Error(got, ok)
	}
	version, rest, _ := strings.Cut(enc, "\n")
	oid, size, _ := strings.Cut(rest, "\n")
	ext := version + "\next-0-foo sha256:" + strings.Repeat("0", 64) + "\n" + oid + "\n" + size + ""
	if got, ok := git.ParsePointer([]byte(ext)); !ok || got != p {
		t.Errorf("with extension: %v %v", got, ok)
	}
	for _, bad := range []string{
		"", version, version + "\n", strings.TrimSuffix(enc, "\n"), enc + "\n", enc + "x", strings.ReplaceAll(enc, "\n", "\r\n"),
		version + "\n" + size + oid + "\n", version + "\n" + oid + "\n" + oid + "\n" + size, strings.Replace(enc, "12345", "012345", 1),
		strings.Replace(enc, "12345", "-1", 1), strings.Replace(enc, "12345", "99999999999999999999", 1), strings.Replace(enc, "sha256:ab", "sha256:AB", 1),
		strings.Replace(enc, "size ", "size  ", 1), enc + strings.Repeat("z y\n", 300),
	} {
		if _, ok := git.ParsePointer([]byte(bad)); ok {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestTrees(t *testing.T) {
	oid := hub.OID{1}
	es := []git.TreeEntry{{"a.b", git.ModeFile, oid}, {"a", git.ModeDir, oid}, {"a-", git.ModeFile, oid}, {"a0", git.ModeExec, oid}}
	raw := git.EncodeTree(es)
	tree, err := git.ParseTree(raw)
	if err != nil || tree.Len() != 4 || tree.At(2).Name != "a" {
		t.Fatal(err)
	}
	for i := range 4 {
		if e, ok := tree.Lookup(tree.At(i).Name); !ok || e != tree.At(i) {
			t.Error(e, ok)
		}
	}
	if _, ok := tree.Lookup("b"); ok {
		t.Error("found what is not there")
	}
	entry := func(mode, name string) []byte { return append([]byte(mode+" "+name+"\x00"), oid[:]...) }
	for _, bad := range [][]byte{
		raw[:len(raw)-1], entry("", "a"), entry("9", "a"), entry("100644", ""), entry("100644", "a/b"), entry("1006440000", "a"),
		append(entry("100644", "b"), entry("100644", "a")...), append(entry("100644", "a"), entry("100644", "a")...),
	} {
		if _, err := git.ParseTree(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestRefNamesLikeGit(t *testing.T) {
	r := newRepo(t)
	names := []string{"refs/heads/a", "refs/heads/a/b", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.", "refs/heads/a.lock", "refs/heads/a.lock/b",
		"refs/heads/a b", "refs/heads/a~", "refs/heads/a^", "refs/heads/a:", "refs/heads/a?", "refs/heads/a*", "refs/heads/a[", "refs/heads/a]",
		"refs/heads/a\\", "refs/heads/@", "refs/heads/@{", "refs/heads/a@{b", "refs/heads//a", "refs/heads/", "refs/heads/é", "refs/heads/a\x7f", "refs/pr/1", "refs/heads/-a"}
	for _, name := range names {
		_, gitErr := r.try(nil, "check-ref-format", name)
		if err := git.CheckRefName(name); (err == nil) != (gitErr == nil) {
			t.Errorf("%q: %v, git %v", name, err, gitErr)
		}
	}
}

func TestTagRoundTrip(t *testing.T) {
	raw := "object " + git.EmptyTree.String() + "\ntype tree\ntag v1\ntagger T <t@x> 1700000000 +0100\n\nfirst\n"
	tag, err := git.ParseTag([]byte(raw))
	if err != nil || string(tag.Encode()) != raw || tag.Kind != git.KindTree {
		t.Error(tag, err)
	}
}

func FuzzPack(f *testing.F) {
	text := bytes.Repeat([]byte("hello "), 100)
	f.Add(withDelta(text, git.Hash(git.KindBlob, text), copying(600, 5, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 32 {
			b = forged(b)
		}
		cat, err := git.IndexPack(bytes.NewReader(b), int64(len(b)), git.IndexLimits{Object: 1 << 20, Total: 8 << 20})
		if err != nil {
			return
		}
		p := git.NewPackReader(bytes.NewReader(b), cat)
		for i := range cat.Len() {
			if _, _, err := p.Object(i, 1<<20); err != nil && cat.Size(i) < 1<<20 {
				t.Errorf("object %d: %v", i, err)
			}
		}
	})
}

// forged gives a pack a right checksum, or the fuzzer would never get past it.
func forged(b []byte) []byte {
	f := &forge{}
	f.Write(b[:len(b)-20])
	return f.pack()
}

func FuzzCatalog(f *testing.F) {
	text := bytes.Repeat([]byte("hello "), 100)
	pack := withDelta(text, git.Hash(git.KindBlob, text), copying(600, 5, 1))
	cat, err := git.IndexPack(bytes.NewReader(pack), int64(len(pack)), git.IndexLimits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cat.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4 {
			b = binary.LittleEndian.AppendUint32(b[:len(b)-4:len(b)-4], crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)))
		}
		cat, err := git.ParseCatalog(b)
		if err != nil {
			return
		}
		p := git.NewPackReader(bytes.NewReader(pack), cat)
		for i := range cat.Len() {
			cat.Find(cat.OID(i))
			if kind, data, err := p.Object(i, 1<<20); err == nil && git.Hash(kind, data) != cat.At(i).OID {
				t.Error("wrong bytes")
			}
			if s, err := p.Stream(i, 1<<20); err == nil {
				_, _ = io.Copy(io.Discard, s)
				_ = s.Close()
			}
		}
		_ = cat.WriteIdx(io.Discard)
	})
}

func FuzzTree(f *testing.F) {
	f.Add(git.EncodeTree([]git.TreeEntry{{"a", git.ModeDir, hub.OID{}}, {"a.b", git.ModeFile, hub.OID{}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := git.ParseTree(b)
		if err != nil {
			return
		}
		es := make([]git.TreeEntry, tree.Len())
		for i := range es {
			es[i] = tree.At(i)
			tree.Lookup(es[i].Name)
		}
		if again, err := git.ParseTree(git.EncodeTree(es)); err != nil || again.Len() != len(es) {
			t.Errorf("%q: %v", b, err)
		}
	})
}

func FuzzCommit(f *testing.F) {
	f.Add([]byte(signed))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := git.ParseCommit(b)
		if err != nil {
			return
		}
		once := c.Encode()
		again, err := git.ParseCommit(once)
		if err != nil || again.Message != c.Message || again.Tree != c.Tree {
			t.Errorf("%q: %v", once, err)
		}
		_, _ = git.ParseTag(b)
	})
}

func FuzzPointer(f *testing.F) {
	f.Add(git.Pointer{Size: 5}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, ok := git.ParsePointer(b); ok {
			if again, ok := git.ParsePointer(p.Encode()); !ok || again != p {
				t.Error(p)
			}
		}
	})
}
