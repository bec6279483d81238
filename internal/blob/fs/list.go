package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/blob"
)

// List walks the folders in the order of the keys.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]blob.Info, error) {
	if limit <= 0 {
		limit = 1000
	}
	l := &lister{ctx: ctx, root: s.objects(), prefix: prefix, after: after, limit: limit}
	if err := l.folder(""); err != nil {
		return nil, err
	}
	return l.found, nil
}

type lister struct {
	ctx           context.Context
	root          string
	prefix, after string
	limit         int
	found         []blob.Info
}

// folder lists one folder; its name ends with a slash, or is empty for the root.
func (l *lister) folder(dir string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(l.root, filepath.FromSlash(dir)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list objects: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		name := dir + entry.Name()
		if entry.IsDir() {
			name += "/" // sorts "a-b" before "a/b", as their keys do
		}
		if l.wanted(name, entry.IsDir()) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if len(l.found) >= l.limit {
			return nil
		}
		if strings.HasSuffix(name, "/") {
			err = l.folder(name)
		} else {
			err = l.object(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted says whether a key, or any key in a folder, is on the page.
func (l *lister) wanted(name string, folder bool) bool {
	if folder {
		return (strings.HasPrefix(name, l.prefix) || strings.HasPrefix(l.prefix, name)) &&
			(name > l.after || strings.HasPrefix(l.after, name))
	}
	return strings.HasPrefix(name, l.prefix) && name > l.after
}

func (l *lister) object(key string) error {
	info, err := os.Lstat(filepath.Join(l.root, filepath.FromSlash(key)))
	if errors.Is(err, os.ErrNotExist) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	if info.Mode().IsRegular() {
		l.found = append(l.found, blob.Info{Key: key, Size: info.Size(), ModTime: info.ModTime()})
	}
	return nil
}
