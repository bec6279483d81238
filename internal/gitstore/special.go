package gitstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
)

// CheckModules has git judge the content of a .gitmodules as it judges it in a push: addresses, paths and commands in it
// are followed by whoever clones with submodules. errs.Unprocessable says what is wrong.
func (c *Copies) CheckModules(ctx context.Context, data []byte) error {
	if err := c.start(); err != nil {
		return errs.Wrap("gitstore.CheckModules", err)
	}
	dir, err := os.MkdirTemp(c.root, "modules-*")
	if err != nil {
		return errs.Wrap("gitstore.CheckModules", err)
	}
	defer os.RemoveAll(dir)
	err = initBare(dir)
	if err == nil {
		err = replaceFile(dir, "HEAD", "ref: refs/heads/"+DefaultBranch+"\n") // or git takes the folder for no repository
	}
	if err != nil {
		return errs.Wrap("gitstore.CheckModules", err)
	}
	pack, err := packOfModules(data)
	if err != nil {
		return errs.Wrap("gitstore.CheckModules", err)
	}
	stderr, err := c.run(ctx, process{
		args:   indexPack,
		env:    []string{"GIT_DIR=" + dir, "GIT_OBJECT_DIRECTORY=" + filepath.Join(dir, "objects")},
		stdin:  bytes.NewReader(pack),
		stdout: &bytes.Buffer{},
		calm:   true,
	})
	if err != nil {
		return indexError(ctx, err, stderr)
	}
	return nil
}

// indexPack is how a pack from outside is taken in, with half of the memory that others may use for bases of deltas.
var indexPack = []string{"-c", "core.deltaBaseCacheLimit=16m", "index-pack", "--stdin", "--fix-thin", "--strict", fmt.Sprintf("--threads=%d", indexThreads),
	fmt.Sprintf("--max-input-size=%d", PushLimits.Bytes)}

// packOfModules is a pack of a .gitmodules and the folder that it lies in.
func packOfModules(data []byte) ([]byte, error) {
	spool := git.NewSpool("", len(data)+4096)
	defer spool.Close()
	w := git.NewPackWriter(spool)
	blob := git.Hash(git.KindBlob, data)
	tree := git.EncodeTree([]git.TreeEntry{{Name: ".gitmodules", Mode: git.ModeFile, OID: blob}})
	var b bytes.Buffer
	err := w.Add(git.KindBlob, blob, data)
	if err == nil {
		err = w.Add(git.KindTree, git.Hash(git.KindTree, tree), tree)
	}
	if err == nil {
		_, err = w.Finish(&b)
	}
	return b.Bytes(), err
}
