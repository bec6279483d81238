package blob

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/cairnhub/cairn/internal/errs"
)

// Level is how closely stored bytes are looked at. Each level includes those before it.
type Level int

// The levels, by what they cost.
const (
	Present Level = iota // the object is there and as long as its row says: no byte is read
	Index                // what lists the object's parts is whole and fits its name: some kilobytes are read
	Data                 // all bytes are read, and hash to what they are called by
	Objects              // and so does each object within a pack; of xorbs Data says that already
)

// ErrDamaged is matched by every error that says that stored bytes are not what they should be. Any other error of a
// verification says nothing about the bytes: the store did not answer, or the caller went away.
var ErrDamaged = errors.New("stored bytes are damaged")

// State is what is wrong with damaged bytes.
type State string

// The states. Their words are printed and kept: they must not change.
const (
	Absent     State = "absent"     // there is no such object
	Short      State = "short"      // it ends early
	Corrupt    State = "corrupt"    // its bytes are others
	Unreadable State = "unreadable" // the disk does not give them
)

// DamageError says what is wrong with which stored object.
type DamageError struct {
	Key   string // of the object; of a pack within its row: the repository and the row's number
	State State
	Err   error // what was found
}

func (e *DamageError) Error() string { return fmt.Sprintf("%s is %s: %v", e.Key, e.State, e.Err) }

// Unwrap leads to what was found.
func (e *DamageError) Unwrap() error { return e.Err }

// Is makes every DamageError match [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// Damaged turns an error met while an object was verified into a [DamageError], if it blames the object: it is absent,
// ends early, cannot be read from its disk, or matches one of the formats' errors for bytes that are not what they should
// be. Other errors pass through.
func Damaged(key string, err error, corrupt ...error) error {
	var known *DamageError
	if err == nil || errors.As(err, &known) {
		return err
	}
	state := State("")
	switch {
	case errs.Is(err, errs.NotFound):
		state = Absent
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		state = Short
	case errors.Is(err, syscall.EIO), errors.Is(err, errUncorrectable):
		state = Unreadable
	}
	for _, target := range corrupt {
		if state == "" && errors.Is(err, target) {
			state = Corrupt
		}
	}
	if state == "" {
		return err
	}
	return &DamageError{Key: key, State: state, Err: err}
}

// errUncorrectable is what ext4, XFS and Btrfs say of a block that does not match its checksum (EFSBADCRC in the kernel).
const errUncorrectable = syscall.EBADMSG
