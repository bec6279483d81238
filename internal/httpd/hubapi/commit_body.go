package hubapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"iter"
	"mime"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

type deleteRef func(ctx context.Context, actor hub.Actor, r *repo.Repo, name string) error

// commitHeader is the first line of a commit, or the members beside the lists of its JSON form.
type commitHeader struct {
	Summary      string `json:"summary"`
	Description  string `json:"description"`
	ParentCommit string `json:"parentCommit"`
}

// commitValue holds the members of every kind of operation.
type commitValue struct {
	commitHeader
	Path        string          `json:"path"`
	Content     json.RawMessage `json:"content"`
	Encoding    string          `json:"encoding"`
	Algo        string          `json:"algo"`
	OID         string          `json:"oid"`
	Size        *int64          `json:"size"`
	OldPath     string          `json:"oldPath"`
	SrcPath     string          `json:"srcPath"`
	SrcRevision string          `json:"srcRevision"`
}

// commitBody reads a commit in either of its two forms.
func (a *API) commitBody(w http.ResponseWriter, r *http.Request) (commitHeader, iter.Seq2[content.Operation, error], error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return commitHeader{}, nil, errs.New(errs.Invalid, "Compressed commits are not accepted; send the body without Content-Encoding.")
	}
	body := http.MaxBytesReader(w, r.Body, a.Limits.CommitBody)
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/json" {
		return a.jsonCommit(body)
	}
	lines := &lineReader{r: bufio.NewReaderSize(body, 64<<10), limit: a.Limits.CommitLine, ctx: r.Context(), memory: a.lines, spool: a.SpoolDir}
	return ndjsonCommit(lines)
}

// ndjsonCommit reads the header line and leaves the operations to be read one by one.
func ndjsonCommit(lines *lineReader) (commitHeader, iter.Seq2[content.Operation, error], error) {
	key, v, err := lines.next()
	lines.release() // now, whatever comes: the operations may never be read
	if errors.Is(err, io.EOF) || err == nil && key != "header" {
		return commitHeader{}, nil, errs.New(errs.Invalid, `The first line of a commit must have the key "header" with a summary.`)
	}
	if err != nil {
		return commitHeader{}, nil, err
	}
	return v.commitHeader, func(yield func(content.Operation, error) bool) {
		defer lines.release()
		for {
			key, v, err := lines.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var op content.Operation
			if err == nil {
				op, err = v.operation(key)
			}
			if !yield(op, err) || err != nil {
				return
			}
		}
	}, nil
}

// jsonCommit is the older form: one object with lists. It is read whole, so it is bounded like one line.
func (a *API) jsonCommit(body io.Reader) (commitHeader, iter.Seq2[content.Operation, error], error) {
	b, err := io.ReadAll(io.LimitReader(body, a.Limits.CommitLine+1))
	if err != nil {
		return commitHeader{}, nil, err
	}
	if int64(len(b)) > a.Limits.CommitLine {
		return commitHeader{}, nil, errs.New(errs.TooLarge, "A commit as application/json may have %d bytes; send application/x-ndjson for larger ones.", a.Limits.CommitLine)
	}
	var doc struct {
		commitHeader
		Files          []commitValue `json:"files"`
		LFSFiles       []commitValue `json:"lfsFiles"`
		DeletedEntries []commitValue `json:"deletedEntries"`
		DeletedFiles   []commitValue `json:"deletedFiles"`
		DeletedFolders []commitValue `json:"deletedFolders"`
		CopyFiles      []commitValue `json:"copyFiles"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return commitHeader{}, nil, errs.New(errs.Invalid, "The commit is not valid JSON: %v", err)
	}
	return doc.commitHeader, func(yield func(content.Operation, error) bool) {
		for _, l := range []struct {
			key  string
			list []commitValue
		}{{"file", doc.Files}, {"lfsFile", doc.LFSFiles}, {"deletedEntry", doc.DeletedEntries}, {"deletedEntry", doc.DeletedFiles},
			{"deletedFolder", doc.DeletedFolders}, {"copyFile", doc.CopyFiles}} {
			for _, v := range l.list {
				if op, err := v.operation(l.key); !yield(op, err) || err != nil {
					return
				}
			}
		}
	}, nil
}

// operation turns a line into what content understands.
func (v commitValue) operation(key string) (content.Operation, error) {
	op := content.Operation{Path: v.Path, From: v.OldPath, Size: -1}
	var err error
	switch key {
	case "file":
		op.Kind = content.OpFile
		op.Content, err = v.bytes()
		if err == nil && op.Content == nil && op.From == "" {
			err = errs.New(errs.Invalid, "The file %q has neither content nor oldPath.", v.Path)
		}
	case "lfsFile":
		op.Kind = content.OpLFSFile
		err = v.large(&op)
	case "deletedFile", "deletedEntry":
		op.Kind = content.OpDelete
	case "deletedFolder":
		op.Kind, op.Path = content.OpDeleteFolder, strings.TrimSuffix(v.Path, "/")
	case "copyFile":
		op.Kind, op.From, op.FromRev = content.OpCopy, v.SrcPath, v.SrcRevision
		if op.From == "" {
			err = errs.New(errs.Invalid, "The copy to %q lacks srcPath.", v.Path)
		}
	default:
		err = errs.New(errs.Invalid, "Unknown kind of operation %q.", key)
	}
	return op, err
}

func (v commitValue) large(op *content.Operation) (err error) {
	if v.Algo != "" && v.Algo != "sha256" {
		return errs.New(errs.Invalid, "The large file %q must be named by sha256, not %q.", v.Path, v.Algo)
	}
	if v.Size != nil {
		if op.Size = *v.Size; op.Size < 0 {
			return errs.New(errs.Invalid, "The size of %q is negative.", v.Path)
		}
	}
	if v.OID == "" && v.OldPath != "" {
		return nil
	}
	if op.SHA256, err = hub.ParseSHA256(v.OID); err != nil {
		return errs.New(errs.Invalid, "The oid of the large file %q must be a sha256 in 64 lower-case hex digits.", v.Path)
	}
	return nil
}

// bytes decodes the content of a file.
func (v commitValue) bytes() ([]byte, error) {
	if v.Content == nil || string(v.Content) == "null" {
		return nil, nil
	}
	if strings.HasPrefix(v.Encoding, "base64") {
		var b []byte
		if err := json.Unmarshal(v.Content, &b); err != nil {
			return nil, errs.New(errs.Invalid, "The content of %q is not valid base64.", v.Path)
		}
		return append([]byte{}, b...), nil
	}
	if v.Encoding != "" && v.Encoding != "utf-8" {
		return nil, errs.New(errs.Invalid, "The encoding of %q must be utf-8 or base64, not %q.", v.Path, v.Encoding)
	}
	var s string
	if err := json.Unmarshal(v.Content, &s); err != nil {
		return nil, errs.New(errs.Invalid, "The content of %q must be a string.", v.Path)
	}
	return []byte(s), nil
}

// lineReader reads NDJSON line by line. A line longer than the buffer takes its memory from what all commits share.
type lineReader struct {
	r      *bufio.Reader
	limit  int64
	ctx    context.Context
	memory interface {
		Acquire(context.Context, int64) error
		Release(int64)
	}
	spool string // folder where long lines wait until they are whole
	held  int64
	buf   bytes.Buffer
}

// next is the next line's key and value; io.EOF at the end.
func (l *lineReader) next() (string, commitValue, error) {
	for {
		line, err := l.line()
		if err != nil {
			return "", commitValue{}, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var row struct {
			Key   string      `json:"key"`
			Value commitValue `json:"value"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return "", commitValue{}, errs.New(errs.Invalid, "A line of the commit is not a valid JSON object: %v", err)
		}
		return row.Key, row.Value, nil
	}
}

func (l *lineReader) line() ([]byte, error) {
	l.release()
	chunk, err := l.r.ReadSlice('\n')
	if err == nil || errors.Is(err, io.EOF) && len(chunk) > 0 {
		return chunk, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, bodyError(err)
	}
	return l.longLine(chunk)
}

// longLine lets the line arrive on disk, at whatever pace its sender has, and takes memory when it is whole: for the
// line itself, its raw content and the decoded bytes. A slow sender holds up nobody.
func (l *lineReader) longLine(chunk []byte) ([]byte, error) {
	spool := git.NewSpool(l.spool, cap(chunk))
	defer spool.Close()
	for err := bufio.ErrBufferFull; ; {
		if spool.Size()+int64(len(chunk)) > l.limit {
			return nil, errs.New(errs.TooLarge, "A line of the commit is longer than %d bytes. Upload files of that size as large files (Xet or LFS).", l.limit)
		}
		if _, err := spool.Write(chunk); err != nil {
			return nil, errs.Wrap("hubapi.longLine", err)
		}
		if err == nil || errors.Is(err, io.EOF) {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, bodyError(err)
		}
		chunk, err = l.r.ReadSlice('\n')
	}
	if err := l.memory.Acquire(l.ctx, 3*spool.Size()); err != nil {
		return nil, err
	}
	l.held = 3 * spool.Size()
	l.buf.Reset()
	l.buf.Grow(int(spool.Size()))
	if _, err := spool.WriteTo(&l.buf); err != nil {
		return nil, errs.Wrap("hubapi.longLine", err)
	}
	return l.buf.Bytes(), nil
}

func (l *lineReader) release() {
	if l.held > 0 {
		l.memory.Release(l.held)
		l.held = 0
		l.buf = bytes.Buffer{}
	}
}

func bodyError(err error) error {
	var tooBig *http.MaxBytesError
	if errors.Is(err, io.EOF) || errors.As(err, &tooBig) {
		return err
	}
	return errs.New(errs.Invalid, "The request body ended before it was whole.")
}

// stringOrList is a JSON string or a list of strings.
type stringOrList []string

func (s *stringOrList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = []string{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

func htmlText(s string) string { return html.EscapeString(s) }
