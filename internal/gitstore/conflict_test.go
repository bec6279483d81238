package gitstore

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// A merge that git does not call clean is one with conflicts, however little git says of them.
func TestUncleanMergeIsNoCleanMerge(t *testing.T) {
	tree := git.EmptyTree.String()
	for out, kind := range map[string]string{
		tree + "@@1@lib/core@CONFLICT(directory rename unclear split)@CONFLICT (directory rename split): unclear@": "directory rename",
		tree + "@@1@f@CONFLICT (file/directory)@CONFLICT (file/directory): in the way@":                            "file/directory",
		tree + "@@1@f@Auto-merging@Auto-merging f@":                                                                "content",
		tree + "@@":                            "content",
		tree + "@":                             "content",
		tree:                                   "content",
		tree + "@@1@":                          "content",
		tree + "@@-1@f@CONFLICT (contents)@x@": "content",
	} {
		m, err := parseMerge([]byte(strings.ReplaceAll(out, "@", "\x00")), false, false, hub.OID{1}, hub.OID{2})
		if err != nil || len(m.conflicts) != 1 || m.conflicts[0].Kind != kind || m.conflicts[0].Message == "" {
			t.Errorf("%q: %+v, %v", out, m, err)
		}
	}
	for _, out := range []string{"", "x", tree + "@100644 nonsense@", tree + "@100644 " + tree + " 2 f@"} {
		if m, err := parseMerge([]byte(strings.ReplaceAll(out, "@", "\x00")), false, false, hub.OID{1}, hub.OID{2}); err == nil {
			t.Errorf("%q: %+v", out, m)
		}
	}
}
