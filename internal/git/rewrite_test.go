package git

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
)

func TestRewriteCommitKeepsAllButSignatures(t *testing.T) {
	id := func(c string) string { return strings.Repeat(c, 40) }
	oid := func(c string) hub.OID { o, _ := hub.ParseOID(id(c)); return o }
	mergetag := func(c string) string {
		return "mergetag object " + id(c) + "\n type commit\n tag v1\n tagger T <t@x> 1 +0000\n \n text\n"
	}
	raw := "tree " + id("1") + "\nparent " + id("2") + "\nparent " + id("3") + "\nauthor  odd. <a@x> 1 +0000\ncommitter C <c@x> 2 -0100\n" +
		"gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----\n" + mergetag("2") + mergetag("3") +
		"encoding latin1\nHG:extra rename:a\n\nsubject \xe4\n\ngpgsig in the text\n"
	got, err := RewriteCommit([]byte(raw), oid("a"), []hub.OID{oid("b"), oid("3")})
	want := "tree " + id("a") + "\nparent " + id("b") + "\nparent " + id("3") + "\nauthor  odd. <a@x> 1 +0000\ncommitter C <c@x> 2 -0100\n" +
		mergetag("3") + "encoding latin1\nHG:extra rename:a\n\nsubject \xe4\n\ngpgsig in the text\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	for _, parents := range [][]hub.OID{nil, {oid("b")}, {oid("b"), oid("c"), oid("d")}} {
		if _, err := RewriteCommit([]byte(raw), oid("a"), parents); err == nil {
			t.Errorf("took %d parents for 2", len(parents))
		}
	}
}
