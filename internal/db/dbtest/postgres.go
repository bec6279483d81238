package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// urlVariable names a running server to use instead of starting one: postgres://user@host/database, with the right to
// create databases.
const urlVariable = "CAIRN_TEST_POSTGRES_URL"

// cluster is the PostgreSQL of this test process: its administrator's connections and a migrated template.
type cluster struct {
	admin    *sql.DB
	address  *url.URL
	template string
	last     atomic.Int64
	leash    io.Closer // the watchdog's input: collected as garbage it would close and end the server
}

var sharedCluster = sync.OnceValues(startCluster)

func postgresURL(t testing.TB) string {
	t.Helper()
	c, err := sharedCluster()
	if err != nil {
		t.Fatalf("start PostgreSQL for the tests: %v", err)
	}
	name := fmt.Sprintf("%s_%d", c.template, c.last.Add(1))
	if err := c.create(name, c.template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return c.database(name)
}

func startCluster() (*cluster, error) {
	address := os.Getenv(urlVariable)
	var leash io.Closer
	if address == "" {
		var err error
		if address, leash, err = startServer(); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", urlVariable, err)
	}
	admin, err := sql.Open("pgx", address)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("cairn_test_%d_%d", os.Getpid(), time.Now().UnixNano())
	c := &cluster{admin: admin, address: u, template: name, leash: leash}
	if err := c.await(); err != nil {
		return nil, err
	}
	if err := c.create(c.template, "template0"); err != nil {
		return nil, err
	}
	return c, migrate(c.database(c.template))
}

// await waits until the server answers.
func (c *cluster) await() error {
	end := time.Now().Add(30 * time.Second)
	for {
		err := c.admin.Ping()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *cluster) create(name, template string) error {
	_, err := c.admin.Exec("CREATE DATABASE " + name + " TEMPLATE " + template)
	if err != nil {
		return fmt.Errorf("create the test's database: %w", err)
	}
	return nil
}

func (c *cluster) database(name string) string {
	u := *c.address
	u.Path = "/" + name
	return u.String()
}

// watchdog runs PostgreSQL as a child and stops it when its input ends, which happens when the test process ends, in
// whatever way. It touches nothing but the server that it started.
const watchdog = `
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=300 -c shared_buffers=64MB \
	-c wal_level=minimal -c max_wal_senders=0 -c full_page_writes=off -c autovacuum=off >"$2/log" 2>&1 &
read -r _
kill -QUIT $!
wait $!
rm -rf "$2"
`

// startServer makes a new cluster in a temporary folder and starts it on a Unix socket there. The default collation is
// English, as on many real servers, so that a sorted column that lacks COLLATE "C" shows.
func startServer() (address string, leash io.Closer, err error) {
	bin, err := findPostgres()
	if err != nil {
		return "", nil, err
	}
	attributes, uid, gid, err := serverUser()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "cairn-pg-") // a short path: a socket's has at most 107 bytes
	if err != nil {
		return "", nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return "", nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "cairn", "-A", "trust",
		"--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = attributes, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	guard := exec.Command("/bin/sh", "-c", watchdog, "watchdog", bin, dir)
	guard.SysProcAttr, guard.Dir = attributes, "/"
	if leash, err = guard.StdinPipe(); err != nil { // never written, closed by the end of this process
		return "", nil, err
	}
	if err := guard.Start(); err != nil {
		return "", nil, err
	}
	return "postgres://cairn@/postgres?host=" + url.QueryEscape(dir), leash, nil
}

// findPostgres returns the folder of the newest installed server.
func findPostgres() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	sort.Slice(dirs, func(i, j int) bool { return version(dirs[i]) > version(dirs[j]) })
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append([]string{filepath.Dir(path)}, dirs...)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no PostgreSQL 15 or newer found: install it (Debian: apt-get install postgresql; " +
		"the folder with initdb and postgres may also be on PATH), or set " + urlVariable)
}

func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// serverUser says as whom the server runs: PostgreSQL refuses root. A session of its own keeps an interrupt of the
// tests from reaching the watchdog.
func serverUser() (attributes *syscall.SysProcAttr, uid, gid int, err error) {
	attributes = &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() != 0 {
		return attributes, os.Getuid(), os.Getgid(), nil
	}
	var found *user.User
	for _, name := range []string{"postgres", "nobody"} {
		if found, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("find a user other than root to run PostgreSQL: %w", err)
	}
	uid, _ = strconv.Atoi(found.Uid)
	gid, _ = strconv.Atoi(found.Gid)
	attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attributes, uid, gid, nil
}

// Exec runs a statement as the server's administrator: for tests that end connections or change settings.
func Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	c, err := sharedCluster()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.admin.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatal(err)
	}
}
