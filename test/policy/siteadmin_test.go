package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The bare flag says who somebody is, not what their proof opens: a fine-grained, barred or application's token of an
// administrator is no administrator's. Whoever must know asks authz.
func TestTheFlagOfAdministratorsIsReadByAuthzAlone(t *testing.T) {
	loads := []string{"internal/authz", "internal/account", "internal/httpd/adminapi"} // decides, loads it, shows it
	seen := 0
	for _, top := range []string{"internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, d fs.DirEntry, err error) error {
			dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(dir, "test") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || sel.Sel.Name != "SiteAdmin" {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "authz" { // the right
					return true
				}
				seen++
				if !slices.Contains(loads, dir) {
					t.Errorf("%s reads SiteAdmin: ask authz.SiteAdminProof or give the route a right", path)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen == 0 {
		t.Error("nobody reads it: this test looks for the wrong name")
	}
}
