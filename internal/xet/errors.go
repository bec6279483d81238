package xet

import (
	"errors"
	"fmt"
	"io"
)

// ErrFormat is matched by every error that blames the input: malformed, out of bounds, or not what its hash says.
var ErrFormat = errors.New("xet: malformed input")

// ErrCorrupt is matched by every error that blames stored bytes: they are not what their index promised.
var ErrCorrupt = errors.New("xet: stored bytes are damaged")

// ErrRange says that a byte range starts at or after the end of its file.
var ErrRange = errors.New("xet: range not satisfiable")

// FormatError says what is wrong with an input. It never holds a hash: a chunk's hash is a secret of those who have the chunk.
type FormatError struct {
	Format string // "xorb", "shard", "lz4", …
	Msg    string
}

func (e *FormatError) Error() string { return e.Format + ": " + e.Msg }

// Is makes every FormatError match [ErrFormat].
func (e *FormatError) Is(target error) bool { return target == ErrFormat }

func formatErrorf(format, msg string, args ...any) error {
	return &FormatError{Format: format, Msg: fmt.Sprintf(msg, args...)}
}

func corruptErrorf(msg string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(msg, args...))
}

// readError tells a stream that ended early, which is the sender's fault, from one that could not be read.
func readError(format string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return formatErrorf(format, "truncated")
	}
	return fmt.Errorf("read %s: %w", format, err)
}
