package git_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

func FuzzPkt(f *testing.F) {
	f.Add([]byte("0009hello0000"), "text\n")
	f.Add([]byte("000100020003fff0ffff0004"), "")
	f.Fuzz(func(t *testing.T, b []byte, data string) {
		p := git.NewPktReader(bytes.NewReader(b), 1<<16)
		for range len(b) + 1 {
			if _, _, err := p.Next(); err != nil {
				break
			}
		}
		if len(data) > 60_000 {
			return
		}
		p = git.NewPktReader(bytes.NewReader(git.AppendFlush(git.AppendPkt(nil, data))), 1<<16)
		if kind, got, err := p.Next(); err != nil || kind != git.PktData || string(got) != data {
			t.Errorf("%q became %q: %v", data, got, err)
		}
		if kind, _, err := p.Next(); err != nil || kind != git.PktFlush {
			t.Errorf("after %q: %v", data, err)
		}
	})
}

func FuzzParsePush(f *testing.F) {
	zero, one := strings.Repeat("0", 40), strings.Repeat("1", 40)
	f.Add([]byte("0000"))
	f.Add(git.AppendFlush(git.AppendPkt(git.AppendPkt(nil, zero+" "+one+" refs/heads/a\x00report-status side-band-64k atomic"), one+" "+zero+" refs/heads/b")))
	f.Add(git.AppendFlush(git.AppendPkt(git.AppendPkt(nil, "shallow "+one), zero+" "+one+" refs/heads/a\x00push-options")))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := git.ParsePush(git.NewPktReader(bytes.NewReader(b), 1<<20))
		if q == nil {
			t.Fatal("no request, not even with an error")
		}
		names := map[string]bool{}
		for _, c := range q.Commands {
			if names[c.Name] || c.Old.IsZero() && c.New.IsZero() {
				t.Errorf("command %+v (%v)", c, err)
			}
			names[c.Name] = true
		}
		if err == nil && len(q.Commands) > git.MaxPushRefs {
			t.Errorf("%d commands", len(q.Commands))
		}
	})
}

func FuzzParseUpload(f *testing.F) {
	want := "want " + strings.Repeat("1", 40) + "\n"
	f.Add([]byte("0014command=ls-refs\n0001000csymrefs\n0009peel\n001bref-prefix refs/heads/\n0000"))
	f.Add(git.AppendFlush(git.AppendPkt(append([]byte("0012command=fetch\n"), "0001"...), want)))
	f.Add(git.AppendFlush(git.AppendPkt(nil, want)))
	f.Fuzz(func(_ *testing.T, b []byte) {
		ad := &git.Advertisement{Refs: []git.AdvertisedRef{{Name: "refs/heads/main", OID: hub.OID{1}}}, Head: "refs/heads/main"}
		if q, err := git.ParseUploadV2(git.NewPktReader(bytes.NewReader(b), 1<<20)); err == nil && q.Command == git.CommandLsRefs {
			_ = ad.LsRefs(q)
		}
		_, _ = git.ParseUpload(git.NewPktReader(bytes.NewReader(b), 1<<20))
	})
}

// FuzzDelta: a delta makes an object of the size that it states, or nothing.
func FuzzDelta(f *testing.F) {
	base := bytes.Repeat([]byte("hello "), 100)
	oid := git.Hash(git.KindBlob, base)
	f.Add(copying(600, 5, 1))
	f.Add(append(append(varint(600), 3), 3, 'a', 'b', 'c'))
	f.Add(append(append(varint(600), 255, 255, 255, 255, 255, 255, 255, 127), 0xff, 0, 0, 0, 0, 1, 0, 0))
	f.Fuzz(func(t *testing.T, delta []byte) {
		pack := withDelta(base, oid, delta)
		cat, err := git.IndexPack(bytes.NewReader(pack), int64(len(pack)), git.IndexLimits{Object: 1 << 20, Total: 8 << 20})
		if err != nil {
			return
		}
		p := git.NewPackReader(bytes.NewReader(pack), cat)
		for i := range cat.Len() {
			if kind, data, err := p.Object(i, 1<<20); err != nil || int64(len(data)) != cat.Size(i) || git.Hash(kind, data) != cat.OID(i) {
				t.Errorf("object %d: %v", i, err)
			}
		}
	})
}

// FuzzIdx: an index that lies about a pack makes no catalog that panics.
func FuzzIdx(f *testing.F) {
	r := deltaRepo(f, 5)
	name := r.packs()[0]
	pack, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	idx, err := os.ReadFile(strings.TrimSuffix(name, ".pack") + ".idx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(idx)
	f.Add(idx[:len(idx)-9])
	f.Fuzz(func(t *testing.T, idx []byte) {
		scan, err := git.ScanPack(bytes.NewReader(pack), roomy)
		if err != nil {
			t.Fatal(err)
		}
		if cat, err := scan.Catalog(bytes.NewReader(pack), int64(len(pack)), idx); err == nil {
			_ = cat.WriteIdx(io.Discard)
		}
	})
}

func FuzzTag(f *testing.F) {
	f.Add([]byte("object " + git.EmptyTree.String() + "\ntype tree\ntag v1\ntagger T <t@x> 1700000000 +0100\n\nfirst\n"))
	f.Add([]byte("object " + git.EmptyTree.String() + "\ntype commit\ntag v1\n\n-----BEGIN PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tag, err := git.ParseTag(b)
		if err != nil {
			return
		}
		if again, err := git.ParseTag(tag.Encode()); err != nil || again.Object != tag.Object || again.Kind != tag.Kind || again.Message != tag.Message {
			t.Errorf("%q: %v", b, err)
		}
	})
}
