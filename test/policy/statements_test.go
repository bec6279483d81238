// Package policy holds rules about the whole source as tests.
package policy

import (
	"database/sql"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

// TestStatements prepares every SQL statement of internal/** on both engines, against the migrated schema.
//
// A statement is a string that starts with SELECT, INSERT, UPDATE, DELETE or WITH and goes on: a literal, or literals and
// constants of the same package joined by +. Three kinds of constants are marked by how their names start:
//
//   - frag…: a piece of a statement that is put together at run time; it is not prepared. A statement that begins with
//     a plain literal must not have parts that are unknown here.
//   - sqlite…, postgres…: a statement of one engine only; it is prepared there.
func TestStatements(t *testing.T) {
	found := findStatements(t)
	if len(found) == 0 {
		t.Fatal("no statements found")
	}
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			prepare := preparer(t, dialect)
			for _, s := range found {
				if s.only != "" && s.only != dialect {
					continue
				}
				if err := prepare(s.text); err != nil {
					t.Errorf("%s: %v\n\t%s", s.at, err, strings.Join(strings.Fields(s.text), " "))
				}
			}
		})
	}
	t.Logf("%d statements", len(found))
}

// preparer opens a migrated database and returns how to prepare one statement on it.
func preparer(t *testing.T, dialect db.Dialect) func(text string) error {
	t.Helper()
	url := dbtest.URL(t, dialect)
	d := dbtest.Open(t, url)
	driver, name := "pgx", url
	if dialect == db.SQLite {
		driver, name = "sqlite", "file:"+strings.TrimPrefix(url, "sqlite:")+"?_dqs=0"
	}
	pool, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return func(text string) error {
		statement, err := pool.Prepare(d.Rebind(text))
		if err != nil {
			return err
		}
		defer statement.Close()
		return nil
	}
}

type statement struct {
	at   token.Position
	text string
	only db.Dialect // empty: both
}

var startsStatement = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s+\S`)

// findStatements reads all packages below internal.
func findStatements(t *testing.T) (found []statement) {
	t.Helper()
	root := filepath.Join("..", "..", "internal")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if entry.Name() == "testdata" {
			return filepath.SkipDir
		}
		in, err := readPackage(path)
		if err != nil {
			return err
		}
		for _, file := range in.files {
			found = append(found, in.statements(t, file)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// source is one package: its files, and its constants by name.
type source struct {
	set    *token.FileSet
	files  []*ast.File
	consts map[string]ast.Expr
}

func readPackage(dir string) (*source, error) {
	s := &source{set: token.NewFileSet(), consts: map[string]ast.Expr{}}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.CONST {
				s.addConsts(decl)
			}
			return true
		})
	}
	return s, nil
}

func (s *source) addConsts(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		values := spec.(*ast.ValueSpec)
		for i, value := range values.Values {
			s.consts[values.Names[i].Name] = value
		}
	}
}

// statements finds those of one file. A constant counts where it is declared, not where it is used.
func (s *source) statements(t *testing.T, file *ast.File) (found []statement) {
	t.Helper()
	var visit func(n ast.Node, only db.Dialect)
	visit = func(n ast.Node, only db.Dialect) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec, *ast.Field:
				_, field := n.(*ast.Field) // tags; function types inside have no literals
				return field && n.(*ast.Field).Tag == nil
			case *ast.ValueSpec:
				for i, value := range n.Values {
					if name := n.Names[min(i, len(n.Names)-1)].Name; !strings.HasPrefix(name, "frag") {
						visit(value, engineOf(name))
					}
				}
				return false
			case *ast.BinaryExpr, *ast.BasicLit:
				expr := n.(ast.Expr)
				text, known := s.text(expr)
				if startsStatement.MatchString(text) && !startsWithFragment(expr) {
					at := s.set.Position(n.Pos())
					if !known {
						t.Errorf("%s: a statement with parts unknown at compile time: move its pieces into constants named frag…", at)
						return false
					}
					found = append(found, statement{at, text, only})
					return false
				}
				if known {
					return false
				}
				for _, part := range operands(expr)[1:] { // what continues a text begins no statement
					if _, literal := part.(*ast.BasicLit); !literal {
						visit(part, only)
					}
				}
				return false
			}
			return true
		})
	}
	visit(file, "")
	return found
}

func engineOf(constant string) db.Dialect {
	for _, dialect := range dbtest.Dialects {
		if strings.HasPrefix(constant, string(dialect)) {
			return dialect
		}
	}
	return ""
}

// text evaluates an expression as far as it is known: all of it, or its beginning.
func (s *source) text(expr ast.Expr) (text string, known bool) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.ParenExpr:
		return s.text(e.X)
	case *ast.Ident:
		if value := s.consts[e.Name]; value != nil {
			return s.text(value)
		}
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, known := s.text(e.X)
		if !known {
			return left, false
		}
		right, known := s.text(e.Y)
		return left + right, known
	}
	return "", false
}

// operands are the parts of a sum, from left to right.
func operands(expr ast.Expr) []ast.Expr {
	if b, ok := expr.(*ast.BinaryExpr); ok {
		return append(operands(b.X), b.Y)
	}
	return []ast.Expr{expr}
}

// startsWithFragment: put together at run time, and marked as such.
func startsWithFragment(expr ast.Expr) bool {
	name, ok := operands(expr)[0].(*ast.Ident)
	return ok && strings.HasPrefix(name.Name, "frag")
}

// TestStatementsAreFound checks the finder itself.
func TestStatementsAreFound(t *testing.T) {
	const src = `package p
const columns = "a, b"
const fragWhere = "SELECT x WHERE "
const sqliteOnly = "SELECT 2"
const tail = " FROM t"
func f() {
	g("SELECT " + columns + tail, "UPDATE", "select a file", "Update the card")
	g(fragWhere + unknown, "DROP " + unknown + " WITH (FORCE)", unknown == h("WITH x AS (SELECT 1) SELECT * FROM x"))
}
type T struct { A int ` + "`db:\"SELECT x\"`" + ` }`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{set: set, consts: map[string]ast.Expr{}}
	for _, d := range file.Decls {
		if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.CONST {
			s.addConsts(decl)
		}
	}
	var got []string
	for _, found := range s.statements(t, file) {
		got = append(got, fmt.Sprintf("%d%s:%s", found.at.Line, found.only, found.text))
	}
	want := "4sqlite:SELECT 2|7:SELECT a, b FROM t|8:WITH x AS (SELECT 1) SELECT * FROM x"
	if strings.Join(got, "|") != want {
		t.Fatalf("%q\nwant %q", got, want)
	}
}
