package content

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitattributes"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The ways in which a file is uploaded.
const (
	ModeRegular = "regular"
	ModeLFS     = "lfs"
)

// Candidate is a file that a client is about to upload.
type Candidate struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Sample string `json:"sample"` // base64 of the first bytes, at most 512
}

// Verdict says how to upload it.
type Verdict struct {
	Path         string `json:"path"`
	UploadMode   string `json:"uploadMode"`
	ShouldIgnore bool   `json:"shouldIgnore"`
	OID          string `json:"oid,omitempty"` // what the path holds now: sha256 if large, git's object id if regular
}

const (
	maxCandidates  = 1000
	maxSample      = 1 << 10
	maxPatternFile = 512 << 10
	maxPatterns    = 2000
)

// Preupload decides for each file whether it goes into git or into the large-file store. gitAttributes and gitIgnore
// are the client's pending versions, nil: those of the revision.
func (s *Service) Preupload(ctx context.Context, snap *Snapshot, files []Candidate, gitAttributes, gitIgnore *string) ([]Verdict, error) {
	if len(files) > maxCandidates {
		return nil, errs.New(errs.TooLarge, "At most %d files may be asked about in one call.", maxCandidates)
	}
	rules, err := s.uploadRules(ctx, snap, gitAttributes, gitIgnore)
	if err != nil {
		return nil, err
	}
	out := make([]Verdict, len(files))
	for i, f := range files {
		if err := CheckPath(f.Path); err != nil {
			return nil, err
		}
		if f.Size < 0 {
			return nil, errs.New(errs.Invalid, "The size of %q is negative.", f.Path)
		}
		sample, err := base64.StdEncoding.DecodeString(f.Sample)
		if err != nil || len(sample) > maxSample {
			return nil, errs.New(errs.Invalid, "The sample of %q must be base64 of at most %d bytes.", f.Path, maxSample)
		}
		out[i] = Verdict{Path: f.Path, UploadMode: rules.mode(f.Path, f.Size, sample), ShouldIgnore: rules.ignored(f.Path)}
		if out[i].OID, err = snap.currentOID(ctx, f.Path); err != nil {
			return nil, err
		}
	}
	if err := s.askAgain(ctx, snap.Repo.RowID, out); err != nil {
		return nil, err
	}
	return out, s.hasRoom(ctx, snap.Repo.RowID, files, out)
}

// askAgain keeps clients from skipping large files whose stored bytes are damaged: sending them repairs them.
func (s *Service) askAgain(ctx context.Context, repoID string, out []Verdict) error {
	var shas []hub.SHA256
	for i := range out {
		if b, err := hex.DecodeString(out[i].OID); err == nil && len(b) == len(hub.SHA256{}) {
			shas = append(shas, hub.SHA256(b))
		}
	}
	damaged, err := s.xet.DamagedAmong(ctx, repoID, shas)
	if err != nil || len(damaged) == 0 {
		return err
	}
	for i := range out {
		if b, err := hex.DecodeString(out[i].OID); err == nil && len(b) == len(hub.SHA256{}) && damaged[hub.SHA256(b)] {
			out[i].OID = ""
		}
	}
	return nil
}

// currentOID is what a client compares with its own hash to skip a file that has not changed.
func (s *Snapshot) currentOID(ctx context.Context, p string) (string, error) {
	if s.Tree.IsZero() {
		return "", nil
	}
	e, err := s.Git.Entry(ctx, s.Tree, p)
	if isNotFound(err) || err == nil && e.Mode.IsDir() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	info, err := s.Git.BlobInfo(ctx, e.OID)
	if err != nil {
		return "", err
	}
	if info.Pointer != nil {
		return info.Pointer.SHA256.String(), nil
	}
	return e.OID.String(), nil
}

// uploadRules are a repository's rules at one revision.
type uploadRules struct {
	threshold  int64
	regularMax int64
	suffixes   []string
	attributes gitattributes.Matcher
	ignore     gitignore.Matcher
}

func (s *Service) uploadRules(ctx context.Context, snap *Snapshot, gitAttributes, gitIgnore *string) (*uploadRules, error) {
	set := s.repos.LFS(snap.Repo)
	r := &uploadRules{threshold: set.Threshold, regularMax: s.limits.RegularFile, suffixes: set.Suffixes}
	attrs, err := snap.patternFile(ctx, ".gitattributes", gitAttributes)
	if err != nil {
		return nil, err
	}
	list, err := gitattributes.ReadAttributes(bytes.NewReader(attrs), nil, true)
	if err == nil && len(list) <= maxPatterns {
		r.attributes = gitattributes.NewMatcher(list)
	}
	ignore, err := snap.patternFile(ctx, ".gitignore", gitIgnore)
	if err != nil {
		return nil, err
	}
	r.ignore = gitignore.NewMatcher(ignorePatterns(string(ignore)))
	return r, nil
}

func (s *Snapshot) patternFile(ctx context.Context, name string, pending *string) ([]byte, error) {
	if pending != nil {
		if len(*pending) > maxPatternFile {
			return nil, errs.New(errs.TooLarge, "%s is larger than %d bytes.", name, maxPatternFile)
		}
		return []byte(*pending), nil
	}
	if s.Tree.IsZero() {
		return nil, nil
	}
	b, _, err := s.readSmall(ctx, name, maxPatternFile)
	return b, err
}

func ignorePatterns(text string) []gitignore.Pattern {
	var ps []gitignore.Pattern
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || strings.HasPrefix(line, "#") || len(ps) >= maxPatterns {
			continue
		}
		ps = append(ps, gitignore.ParsePattern(line, nil))
	}
	return ps
}

func (r *uploadRules) ignored(p string) bool { return r.ignore.Match(strings.Split(p, "/"), false) }

// mode is the policy: an attribute of the repository decides first, then the suffix rules, the size, and whether the
// sample looks like text. Empty files are always regular: a large file of no bytes has nothing to store.
func (r *uploadRules) mode(p string, size int64, sample []byte) string {
	if size == 0 {
		return ModeRegular
	}
	if lfs, set := r.byAttribute(p); set {
		if lfs || size > r.regularMax {
			return ModeLFS
		}
		return ModeRegular
	}
	if hasSuffix(p, r.suffixes) || size >= r.threshold || !looksLikeText(sample) {
		return ModeLFS
	}
	return ModeRegular
}

// byAttribute reports what .gitattributes says about the filter of a path.
func (r *uploadRules) byAttribute(p string) (lfs, set bool) {
	if r.attributes == nil {
		return false, false
	}
	res, _ := r.attributes.Match(strings.Split(p, "/"), []string{"filter"})
	a, ok := res["filter"]
	if !ok || a.IsUnspecified() {
		return false, false
	}
	return a.IsValueSet() && a.Value() == "lfs", true
}

func hasSuffix(p string, suffixes []string) bool {
	name := strings.ToLower(path.Base(p))
	for _, s := range suffixes {
		if strings.HasSuffix(name, strings.ToLower(s)) {
			return true
		}
	}
	return false
}

// looksLikeText is git's own test: no NUL byte.
func looksLikeText(sample []byte) bool { return bytes.IndexByte(sample, 0) < 0 }

func isNotFound(err error) bool { return errs.Is(err, errs.NotFound) }
