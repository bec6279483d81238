package content

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
)

// maxAttributeLine is what git reads of a line in .gitattributes (ATTR_MAX_LINE_LENGTH); git fsck refuses longer ones.
const maxAttributeLine = 2048

// CheckFile is the rule about a file's name, and about the content of those that git itself reads by their name, in
// whatever folder they lie: what git fsck refuses in a push is refused in a commit.
func (s *Service) CheckFile(ctx context.Context, p string, data []byte) error {
	if err := CheckPath(p); err != nil {
		return err
	}
	switch name := path.Base(p); {
	case git.IsGitAttributes(name):
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			if len(line) >= maxAttributeLine {
				return errs.New(errs.Unprocessable, "A line of %q is longer than %d bytes, which is all that git reads of one.", p, maxAttributeLine-1)
			}
		}
	case git.IsGitModules(name):
		if err := s.copies.CheckModules(ctx, data); errs.Is(err, errs.Unprocessable) {
			return errs.New(errs.Unprocessable, "%q is refused by git fsck: %s", p, strings.TrimPrefix(said(err), "The pack is refused: "))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// checkCopied applies CheckFile to a file that gets the name by being copied or moved.
func (s *Service) checkCopied(ctx context.Context, from *Snapshot, e *git.TreeEntry, source, target string) error {
	name := path.Base(target)
	if !readByGit(name) {
		return nil
	}
	if !e.Mode.IsBlob() {
		return errs.New(errs.Unprocessable, "%q must be a file: git takes nothing else of that name.", target)
	}
	data, ok, err := from.readSmall(ctx, source, s.limits.RegularFile)
	if err != nil {
		return err
	}
	if !ok {
		return errs.New(errs.TooLarge, "%q is too large for a %s.", source, name)
	}
	return s.CheckFile(ctx, target, data)
}

// readByGit knows the names of files that git itself reads.
func readByGit(name string) bool { return git.IsGitModules(name) || git.IsGitAttributes(name) }
