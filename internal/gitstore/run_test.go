package gitstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/gitstore"
)

// TestListingsOfLargeFolders: a folder of more files than are looked up at once, with large files and folders among them, says of
// each file what the catalogs say, however it is cut into pages and however often it is listed.
func TestListingsOfLargeFolders(t *testing.T) {
	each(t, gitstore.Options{}, func(f *fixture) {
		fs := files{}
		for i := range 700 {
			fs[fmt.Sprintf("flat/f%03d", i)] = strings.Repeat("x", i)
			if i%5 == 0 {
				fs[fmt.Sprintf("flat/f%03d.bin", i)] = fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%064x\nsize %d\n", i, i<<20)
			}
			if i%50 == 0 {
				fs[fmt.Sprintf("flat/f%03dd/in", i)] = fmt.Sprint(i)
			}
		}
		root := f.tree(f.commit(fs))
		dir := f.bare()
		r := f.open()
		for _, limit := range []int{7, 1000, 256, 1} {
			f.sameListing(dir, root, limit)
			page, _, err := r.Walk(f.ctx, root, gitstore.WalkOptions{Dir: "flat", After: "flat/f250", Limit: limit})
			f.ok(err)
			for _, e := range page {
				if e.IsDir {
					continue
				}
				info, err := r.BlobInfo(f.ctx, e.OID)
				f.ok(err)
				if e.Size != info.Size || (e.Pointer == nil) != (info.Pointer == nil) || e.FileSize() != info.FileSize() {
					t.Fatalf("%s: %+v, and the catalogs say %+v", e.Path, e, info)
				}
			}
		}
	})
}
