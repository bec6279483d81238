package gitstore

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// Placeholders in gitForms.
const (
	anyCopy = "<copy>" // a folder below the one for warm copies
	anyID   = "<id>"   // an object's id
)

// gitForms are all the ways in which a hub starts another program, which is git: nothing of a form is a user's but the
// ids. Process.run refuses any other, and test/hostile watches a hub from outside to see that none is used.
var gitForms = [][]string{
	indexPack,
	{"upload-pack", "--stateless-rpc", "--strict", "--end-of-options", anyCopy},
	{"-c", "uploadpack.allowAnySHA1InWant=true", "-c", "uploadpack.hideRefs=refs", "upload-pack", "--strict", "--end-of-options", anyCopy},
	{"pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q"},
	{"pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q", "--include-tag"},
	{"merge-tree", "--write-tree", "-z", anyID, anyID},
	{"merge-tree", "--write-tree", "-z", "--allow-unrelated-histories", anyID, anyID},
}

// KnownForm reports whether git is started with these arguments by a hub whose warm copies lie below root.
func KnownForm(args []string, root string) bool {
	return slices.ContainsFunc(gitForms, func(form []string) bool {
		return slices.EqualFunc(form, args, func(want, arg string) bool {
			switch want {
			case anyCopy:
				return filepath.Clean(arg) == arg && strings.HasPrefix(arg, root+string(filepath.Separator))
			case anyID:
				_, err := hub.ParseOID(arg)
				return err == nil
			}
			return want == arg
		})
	})
}
