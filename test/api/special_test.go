package api

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// What git itself reads is taken only in forms of which a clone's git fsck --strict says nothing.
func TestFilesThatGitReadsAreSound(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", map[string]string{"long": strings.Repeat("a", 3000), "dir/f": "f", "fine": "*.bin -text\n"})
		before := head(h, alice, "alice/m", "main")
		evil := "[submodule \"x\"]\n\tpath = x\n\turl = -u./payload\n"
		for what, op := range map[string]string{
			"a folder .gitattributes":      file(".gitattributes/in", "x"),
			"a folder .gitmodules below":   file("a/.gitmodules/in", "x"),
			"a folder in disguise":         file("GITATT~1/in", "x"),
			"a line that is too long":      file("a/.gitattributes", strings.Repeat("a", 3000)),
			"a module that is an option":   file(".gitmodules", evil),
			"a module in disguise":         file(".gitModules.", evil),
			"a move of something else":     line("file", dict{"path": "b/.gitattributes", "oldPath": "long"}),
			"a copy of something else":     line("copyFile", dict{"path": "b/.gitattributes", "srcPath": "long"}),
			"a copy of a folder":           line("copyFile", dict{"path": "b/.gitattributes", "srcPath": "dir"}),
			"a file in place of the other": line("deletedFile", dict{"path": ".gitattributes"}) + file(".gitattributes/in", "x"),
		} {
			refused(t, what, commit(h, alice, "alice/m", header("s"), op), 422, "")
		}
		if head(h, alice, "alice/m", "main") != before {
			t.Error("the branch has moved")
		}
		ok[dict](t, "sound ones", commit(h, alice, "alice/m", header("s"), file(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ../x.git\n"),
			line("copyFile", dict{"path": "b/.gitattributes", "srcPath": "fine"}), file("a/.gitattributes", "*.x text\n")))
	})
}
