package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cairnhub/cairn"

// layer is how high a package stands: it may import what stands lower, and of its own layer only what siblings lists.
type layer int

const (
	vocabulary layer = iota
	engine           // formats and protocols: no users, SQL or HTTP
	storage          // bytes and rows: no rules about repositories
	domain           // rules
	transport        // requests
	assembly         // builds everything
	command          // flags only
	testing_         // for tests alone
)

// layers is the house. A package that stands nowhere here fails the test: say where it belongs.
var layers = map[string]layer{
	"api": vocabulary, "web": vocabulary, // embedded files
	"internal/hub": vocabulary, "internal/errs": vocabulary, "internal/config": vocabulary,
	"internal/lru": vocabulary, "internal/slot": vocabulary, "internal/tempfile": vocabulary, // caches and queues, whatever of

	"internal/git": engine, "internal/lfs": engine, "internal/xet": engine, "internal/safetensors": engine,
	"internal/gguf": engine, "internal/card": engine, "internal/markdown": engine, "internal/avatar": engine, "internal/patch": engine, "internal/archive": engine, "internal/signature": engine,

	"internal/db": storage, "internal/db/pagesum": storage, "internal/blob": storage, "internal/blob/spool": storage, "internal/blob/fs": storage,
	"internal/blob/s3": storage, "internal/jobs": storage, "internal/event": storage, "internal/gitstore": storage, "internal/xetstore": storage,
	"internal/hold": storage, "internal/blob/cache": storage,

	"internal/account": domain, "internal/org": domain, "internal/authz": domain, "internal/repo": domain, "internal/content": domain,
	"internal/gitserve": domain, "internal/verify": domain,
	"internal/filelock": domain, "internal/profile": domain, "internal/audit": domain, "internal/mail": domain, "internal/site": domain,
	"internal/oauth": domain, "internal/backup": domain,
	"internal/quota": domain, "internal/release": domain, "internal/fsck": domain, "internal/repair": domain,

	"internal/httpd": transport, "internal/httpd/contract": transport, "internal/httpd/contract/generate": command,
	"internal/httpd/hubapi": transport, "internal/httpd/fileapi": transport, "internal/httpd/xetapi": transport,
	"internal/httpd/lfsapi": transport, "internal/httpd/adminapi": transport, "internal/httpd/webui": transport,
	"internal/httpd/oauthapi": transport, "internal/httpd/gitapi": transport, "internal/sshd": transport,

	"internal/app": assembly, "cmd/cairn": command,

	"internal/testhub": testing_, "internal/testhub/program": testing_, // and all packages named after one with "test" behind
}

func layerOf(pkg string) (layer, bool) {
	if parent, name := path.Split(pkg); strings.HasSuffix(name, "test") {
		_, ok := layers[strings.TrimSuffix(parent, "/")]
		return testing_, ok
	}
	l, ok := layers[pkg]
	return l, ok
}

// siblings are the imports within a layer.
var siblings = map[string][]string{
	"internal/lfs":            {"internal/git"},
	"internal/profile":        {"internal/account"},
	"internal/patch":          {"internal/git"},
	"internal/signature":      {"internal/git"},
	"internal/db":             {"internal/db/pagesum"},
	"internal/blob/fs":        {"internal/blob", "internal/blob/spool"},
	"internal/blob/s3":        {"internal/blob", "internal/blob/spool"},
	"internal/blob/cache":     {"internal/blob"},
	"internal/jobs":           {"internal/db", "internal/event"},
	"internal/event":          {"internal/db"},
	"internal/hold":           {"internal/db"},
	"internal/gitstore":       {"internal/blob", "internal/db", "internal/hold"},
	"internal/xetstore":       {"internal/blob", "internal/db", "internal/hold"},
	"internal/account":        {"internal/mail", "internal/site"},
	"internal/org":            {"internal/account", "internal/mail", "internal/site"},
	"internal/oauth":          {"internal/account"},
	"internal/authz":          {"internal/account", "internal/org"},
	"internal/quota":          {"internal/account"},
	"internal/repo":           {"internal/account", "internal/authz", "internal/quota"},
	"internal/release":        {"internal/repo"},
	"internal/filelock":       {"internal/account"},
	"internal/content":        {"internal/repo", "internal/authz", "internal/account", "internal/filelock", "internal/quota"},
	"internal/audit":          {"internal/account", "internal/org", "internal/repo"},
	"internal/verify":         {"internal/account"},
	"internal/fsck":           {"internal/repo", "internal/quota", "internal/profile"},
	"internal/repair":         {"internal/fsck", "internal/profile", "internal/quota"},
	"internal/gitserve":       {"internal/content", "internal/repo"},
	"internal/httpd/hubapi":   {"internal/httpd"},
	"internal/httpd/fileapi":  {"internal/httpd"},
	"internal/httpd/xetapi":   {"internal/httpd"},
	"internal/httpd/lfsapi":   {"internal/httpd", "internal/httpd/xetapi"},
	"internal/httpd/adminapi": {"internal/httpd"},
	"internal/httpd/webui":    {"internal/httpd"},
	"internal/httpd/gitapi":   {"internal/httpd"},
	"internal/httpd/oauthapi": {"internal/httpd"},
}

// onlyFor narrows who may import a package although it stands low enough.
var onlyFor = map[string][]string{
	"internal/config": {"internal/app", "cmd/cairn"},
	"api":             {"internal/httpd/contract"},
	"web":             {"internal/httpd/webui"},
}

// longFiles may be longer than maxLines, for a reason.
var longFiles = map[string]string{"internal/xetstore/store_test.go": "one case per refusal, read side by side with the specification"}

const maxLines = 600

// processes are the packages that may start one: doctor looks for git, the test servers are started by tests.
var processes = []string{"internal/app/doctor", "internal/app/process.go", "internal/gitstore/gitproc", "internal/blob/blobtest/", "internal/db/dbtest/", "internal/signature/signaturetest/", "internal/testhub/program/"}

// vague are names that say nothing about what is inside.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "models", "types", "manager", "shared", "lib"}

type sourceFile struct {
	path  string // from the repository's root, slashes
	pkg   string // its folder
	ast   *ast.File
	lines int
}

func (f sourceFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

func sources(t *testing.T) []sourceFile {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []sourceFile
	for _, top := range []string{"api", "cmd", "internal", "web", "test", "bench"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") {
				return err
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), p, b, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, p)
			rel = filepath.ToSlash(rel)
			out = append(out, sourceFile{rel, path.Dir(rel), f, strings.Count(string(b), "\n")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func imports(f sourceFile) []string {
	var out []string
	for _, i := range f.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// Imports point down: cmd, app, transport, domain, engines and storage, vocabulary.
func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		if f.test() || strings.HasPrefix(f.pkg, "test/") || strings.HasPrefix(f.pkg, "bench") {
			continue
		}
		own, ok := layerOf(f.pkg)
		if !ok {
			t.Errorf("%s: the package stands in no layer; add it to the table above", f.path)
			continue
		}
		for _, i := range imports(f) {
			to, ok := strings.CutPrefix(i, module+"/")
			if !ok {
				continue
			}
			other, known := layerOf(to)
			switch {
			case !known:
				t.Errorf("%s imports %s, which stands in no layer", f.path, to)
			case other == testing_ && own != testing_:
				t.Errorf("%s imports %s, which is for tests", f.path, to)
			case other > own || other == own && own != testing_ && own != vocabulary && !slices.Contains(siblings[f.pkg], to):
				t.Errorf("%s imports %s: imports point down", f.path, to)
			case own == vocabulary:
				t.Errorf("%s imports %s: the vocabulary depends on the standard library alone", f.path, to)
			case onlyFor[to] != nil && own != testing_ && !slices.Contains(onlyFor[to], f.pkg):
				t.Errorf("%s imports %s, which is for %v", f.path, to, onlyFor[to])
			}
		}
	}
}

// What a layer must not know at all.
func TestForbiddenImports(t *testing.T) {
	forbidden := map[layer][]string{
		vocabulary: {"net/http", "database/sql"},
		engine:     {"net/http", "database/sql", "github.com/jmoiron/sqlx"},
		storage:    {},
		domain:     {"net/http"},
		transport:  {"database/sql", "github.com/jmoiron/sqlx"},
		command:    {"net/http", "database/sql", "github.com/jmoiron/sqlx"},
	}
	for _, f := range sources(t) {
		if f.test() {
			continue
		}
		for _, i := range imports(f) {
			if l, ok := layerOf(f.pkg); ok && slices.Contains(forbidden[l], i) {
				t.Errorf("%s imports %s, which its layer must not know", f.path, i)
			}
			mayRun := strings.HasPrefix(f.path, "test/") || strings.HasPrefix(f.path, "bench/") ||
				slices.ContainsFunc(processes, func(p string) bool { return strings.HasPrefix(f.path, p) })
			if (i == "os/exec" || i == "plugin") && !mayRun {
				t.Errorf("%s imports %s; processes are started in %v only", f.path, i, processes)
			}
		}
	}
}

// Every package says what it is for, once, and its name says it too.
func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	comments := map[string]string{}
	for _, f := range sources(t) {
		name := f.ast.Name.Name
		if slices.Contains(vague, name) || slices.Contains(vague, path.Base(f.pkg)) {
			t.Errorf("%s: the package name %s says nothing", f.path, name)
		}
		if f.test() {
			if strings.HasPrefix(f.pkg, "test/") && f.ast.Doc != nil {
				comments[f.pkg] = f.ast.Doc.Text()
			} else if _, ok := comments[f.pkg]; !ok && strings.HasPrefix(f.pkg, "test/") {
				comments[f.pkg] = ""
			}
			continue
		}
		text := f.ast.Doc.Text()
		if _, ok := comments[f.pkg]; !ok || text != "" {
			comments[f.pkg] = text
		}
	}
	for pkg, text := range comments {
		if len(strings.Fields(text)) < 6 {
			t.Errorf("package %s has no comment that says what it is for: %q", pkg, text)
		}
	}
}

// Only config and the command line read the environment: nothing else depends on where the process runs.
func TestEnvironmentIsReadInOnePlace(t *testing.T) {
	for _, f := range sources(t) {
		switch {
		case f.test(), f.pkg == "internal/config", strings.HasPrefix(f.pkg, "cmd/"), strings.HasPrefix(f.pkg, "test/"), strings.HasPrefix(f.pkg, "bench"):
			continue
		}
		if l, _ := layerOf(f.pkg); l == testing_ {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if ok && x.Name == "os" && slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "Setenv", "ExpandEnv"}, sel.Sel.Name) {
				t.Errorf("%s calls os.%s: only internal/config reads the environment", f.path, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > maxLines && longFiles[f.path] == "" {
			t.Errorf("%s has %d lines, more than %d: do two things live together?", f.path, f.lines, maxLines)
		}
	}
	if len(longFiles) > 1 {
		t.Error("one exception at most")
	}
}
