package upgrade

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/test/crash"
)

// The files of a fixture.
const (
	folderFile = "folder.tar.gz"   // the data folder with a SQLite database, or with the objects beside PostgreSQL
	dumpFile   = "postgres.sql.gz" // the rows, when they are in PostgreSQL
	seenFile   = "seen.json"       // what the hub answered
	testdata   = "testdata"        // below it: a folder for each schema, in it one for each kind of database
	mostFile   = 64 << 20          // bytes of a file in an archive
	dropAll    = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
)

// seen is what a hub answers: SHA-256 of each file by repository, branch and path.
type seen map[string]map[string]map[string]string

// look asks for everything.
func look(c *crash.Client) (seen, error) {
	a := c.Do("GET", "/api/models?limit=1000", nil)
	var listed []struct{ ID string }
	if !a.OK() {
		return nil, fmt.Errorf("list the models: %s", a)
	}
	if err := json.Unmarshal(a.Body, &listed); err != nil {
		return nil, err
	}
	s := seen{}
	for _, m := range listed {
		_, name, _ := strings.Cut(m.ID, "/")
		branches, err := branches(c, m.ID)
		if err != nil {
			return nil, err
		}
		s[name] = map[string]map[string]string{}
		for _, branch := range branches {
			files, _, err := c.Tree(name, branch)
			if err != nil {
				return nil, err
			}
			s[name][branch] = map[string]string{}
			for path := range files {
				a := c.Resolve(name, branch, path)
				if !a.OK() {
					return nil, fmt.Errorf("read %s@%s:%s: %s", name, branch, path, a)
				}
				s[name][branch][path] = crash.SHA(a.Body)
			}
		}
	}
	return s, nil
}

func branches(c *crash.Client, id string) (names []string, err error) {
	a := c.Do("GET", "/api/models/"+id+"/refs", nil)
	var refs struct{ Branches []struct{ Name string } }
	if !a.OK() {
		return nil, fmt.Errorf("refs of %s: %s", id, a)
	}
	err = json.Unmarshal(a.Body, &refs)
	for _, b := range refs.Branches {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	return names, err
}

// emptyPostgres is the address of a database without any table.
func emptyPostgres(t *testing.T) string {
	t.Helper()
	url := dbtest.URL(t, db.Postgres)
	run(t, nil, tool(t, "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-c", "SET client_min_messages = error; "+dropAll, url)
	return url
}

// tool finds a program of PostgreSQL.
func tool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is right
	if len(found) == 0 {
		t.Fatalf("%s is not installed (Debian: postgresql-client)", name)
	}
	return found[len(found)-1]
}

func run(t *testing.T, in io.Reader, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = in
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, complaints.String())
	}
	return out
}

// unpack lays out a data folder.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(filepath.Clean("/"+h.Name))) //nolint:gosec // cleaned, and our own
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.LimitReader(r, mostFile))
		if err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
