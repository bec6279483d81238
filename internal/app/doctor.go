package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/sshd"
)

// probeSecret names the key by which a running hub knows that doctor asks.
const probeSecret = "doctor"

const (
	checkTime = 30 * time.Second
	minFree   = 1_000_000_000 // bytes below which the disk is an error
	lowFree   = 10_000_000_000
	maxSkew   = 10 * time.Second
)

// errSkipped marks a check that has nothing to look at; its text says why.
type errSkipped string

func (e errSkipped) Error() string { return string(e) }

// errNote marks what works and should still not stay as it is; its text says why.
type errNote string

func (e errNote) Error() string { return string(e) }

// checkup is one run of doctor. Later checks use what earlier ones have opened.
type checkup struct {
	cfg   *config.Config
	out   io.Writer
	db    *db.DB
	probe []byte       // the key for the body probe; nil while unknown
	keys  []ssh.Signer // the hub's SSH host keys; nil while unknown

	failed int
}

// Doctor checks what a hub needs of its surroundings, says what to do about each failure, and returns an error when
// there was one. It changes nothing, and works beside a running hub.
func Doctor(ctx context.Context, cfg *config.Config, w io.Writer) error {
	c := &checkup{cfg: cfg, out: w}
	defer func() {
		if c.db != nil {
			_ = c.db.Close()
		}
	}()
	for _, check := range []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"git", c.git},
		{"data folder", c.folder},
		{"free disk space", c.disk},
		{"database", c.database},
		{"checksums", c.checksums},
		{"store", c.store},
		{"storage", c.storage},
		{"backups", c.backups},
		{"clock", c.clock},
		{"address", c.address},
		{"large requests", c.largeBody},
		{"ssh", c.ssh},
	} {
		c.report(ctx, check.name, check.run)
	}
	if c.failed > 0 {
		return fmt.Errorf("%d of the checks failed: see above for what to do", c.failed)
	}
	return nil
}

func (c *checkup) report(ctx context.Context, name string, run func(context.Context) (string, error)) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	text, err := run(ctx)
	mark := "ok"
	var skipped errSkipped
	var note errNote
	switch {
	case errors.As(err, &note):
		mark, text = "note", note.Error()
	case errors.As(err, &skipped):
		mark, text = "skip", skipped.Error()
	case err != nil:
		mark, text = "FAIL", err.Error()
		c.failed++
	}
	fmt.Fprintf(c.out, "%-4s  %-15s  %s\n", mark, name, strings.ReplaceAll(text, "\n", "\n      "+strings.Repeat(" ", 17)))
}

func (c *checkup) folder(context.Context) (string, error) {
	if _, err := os.Stat(c.cfg.Data); errors.Is(err, os.ErrNotExist) {
		return "", errSkipped(c.cfg.Data + " is not there yet: cairn serve makes it")
	}
	f, err := os.CreateTemp(c.cfg.Data, ".doctor-*")
	if err != nil {
		return "", fmt.Errorf("%s cannot be written: %w\nrun cairn as the user who owns the folder, or give it to this one (chown)", c.cfg.Data, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Sync(); err != nil {
		return "", fmt.Errorf("%s does not keep what is written (fsync): %w\nmove the folder to a disk that does", c.cfg.Data, err)
	}
	return c.cfg.Data, nil
}

func (c *checkup) disk(context.Context) (string, error) {
	dir, err := filepath.Abs(c.cfg.Data)
	if err != nil {
		return "", err
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "", fmt.Errorf("the free space of %s is not known: %w", dir, err)
	}
	free := int64(st.Bavail) * int64(st.Bsize) //nolint:unconvert // their types differ between systems
	text := fmt.Sprintf("%.1f GB free on the disk of %s", float64(free)/1e9, dir)
	switch {
	case free < minFree:
		return "", fmt.Errorf("%s: uploads will fail\nmake room, or move the folder with --data", text)
	case free < lowFree:
		text += ": that is little for a hub"
	}
	return text, nil
}

func (c *checkup) database(ctx context.Context) (string, error) {
	if path, ok := strings.CutPrefix(c.cfg.DatabaseURL, "sqlite:"); ok {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return "", errSkipped("there is none yet: cairn serve or cairn migrate makes it")
		}
	}
	d, err := db.Open(ctx, c.cfg.DatabaseURL)
	if err != nil {
		return "", fmt.Errorf("%w\ncheck database-url (cairn config print), and that the database runs and lets this machine in", err)
	}
	c.db = d
	version, err := d.SchemaVersion(ctx)
	if err != nil {
		return "", fmt.Errorf("the schema cannot be read: %w\nthe database may belong to another program, or its file be damaged", err)
	}
	if version == 0 {
		return fmt.Sprintf("%s answers; it is empty: cairn migrate or cairn serve fills it", d.Dialect()), nil
	}
	accounts := account.New(d, account.Options{})
	defer accounts.Close()
	if c.probe, err = accounts.Secret(ctx, probeSecret); err != nil {
		return "", fmt.Errorf("the database cannot be written: %w\ncheck the rights of its user and the free space of its disk", err)
	}
	if c.cfg.SSHListen != "" {
		if c.keys, err = sshd.HostKeys(ctx, accounts.Secret); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s answers, schema version %d", d.Dialect(), version), nil
}

// checksums says whether a page of the database that the disk gives back wrong would be noticed. A hub works without.
func (c *checkup) checksums(ctx context.Context) (string, error) {
	if c.db == nil {
		return "", errSkipped("there is no database")
	}
	on, advice, err := c.db.Checksums(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("the database does not tell: %w", err)
	case !on:
		return "the database's pages have none, so what its disk changes is not noticed: " + advice, nil
	}
	return "each page of the database has one", nil
}

func (c *checkup) store(ctx context.Context) (string, error) {
	store, where, err := c.openStore(ctx)
	if err != nil {
		return "", err
	}
	start := time.Now()
	if err := store.Check(ctx); err != nil {
		return "", fmt.Errorf("%s: %w\ncheck blob-url and the keys (cairn config print): writing, reading, listing and deleting must be allowed", where, err)
	}
	return fmt.Sprintf("%s writes, reads and deletes (%d ms)", where, time.Since(start).Milliseconds()), nil
}

// openStore opens what serve would, but makes no folder for it.
func (c *checkup) openStore(ctx context.Context) (store blob.Store, where string, err error) {
	where, ok := strings.CutPrefix(c.cfg.BlobURL, "file:")
	if ok {
		if _, err := os.Stat(where); errors.Is(err, os.ErrNotExist) {
			return nil, "", errSkipped("there is none yet: cairn serve makes it")
		}
	} else if o, err := s3.ParseURL(c.cfg.BlobURL); err == nil {
		where = "bucket " + o.Bucket
	}
	store, err = openBlobs(ctx, c.cfg, slog.New(slog.DiscardHandler))
	return store, where, err
}
