// Package errs is Cairn's one error type. Domain code returns it, every protocol renders it with its own table
// (httpd for the Hub's JSON, gitapi for pkt-lines). It knows kinds and messages; it must not know HTTP.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what class of failure happened; a transport maps it to a status.
type Kind int

// The kinds, each with the status that the Hub's API answers.
const (
	Internal           Kind = iota // 500: our fault; the detail is logged and hidden
	Invalid                        // 400: the request is malformed
	Unauthenticated                // 401: who are you?
	PaymentRequired                // 402: a quota is used up
	Forbidden                      // 403: known caller, missing right
	NotFound                       // 404
	Conflict                       // 409: exists already, or changed meanwhile
	PreconditionFailed             // 412: stale parent commit
	TooLarge                       // 413: over a stated bound
	RangeUnsatisfiable             // 416
	Unprocessable                  // 422: well-formed but refused by a rule
	RateLimited                    // 429
	NotImplemented                 // 501: not built, or switched off; Msg names the setting or the reason
	Unavailable                    // 503: try again later
	StorageFull                    // 507
	Gone                           // 410: the bytes were here and are lost
	Damaged                        // 410, too: stored bytes are not what they were; asking again brings no others
)

// The codes that clients match on (X-Error-Code).
const (
	CodeRepoNotFound     = "RepoNotFound"
	CodeRevisionNotFound = "RevisionNotFound"
	CodeEntryNotFound    = "EntryNotFound"
	CodeGatedRepo        = "GatedRepo"
	CodeNotImplemented   = "NotImplemented"
)

// Error is what domain functions return. Msg is shown to the user and says what to do; Op and Err are for the log.
type Error struct {
	Kind   Kind
	Code   string         // X-Error-Code, or empty
	Msg    string         // safe to show
	Op     string         // where it happened, "content.Commit"
	Err    error          // the cause; never shown
	Detail map[string]any // further members of the JSON body, such as url on a 409
}

func (e *Error) Error() string {
	s := e.Msg
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// With adds a member to the error's JSON body.
func (e *Error) With(key string, value any) *Error {
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	e.Detail[key] = value
	return e
}

// New makes an error of a kind with a message for the user.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}

// Coded makes an error with the code that clients match on.
func Coded(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Wrap says where an unexpected error happened. An *Error passes through unchanged, nil stays nil.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: Internal, Op: op, Msg: "internal error", Err: err}
}

// KindOf is the kind of the first *Error in the chain, Internal for any other error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err has the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// RepoNotFound is the one answer for a repository that is absent or that the caller may not see.
func RepoNotFound() *Error {
	return Coded(NotFound, CodeRepoNotFound, "Repository not found")
}

// RevisionNotFound is the answer for an unknown branch, tag or commit.
func RevisionNotFound(rev string) *Error {
	return Coded(NotFound, CodeRevisionNotFound, "Invalid rev id: %s", rev)
}

// EntryNotFound is the answer for an unknown file or folder.
func EntryNotFound(path string) *Error {
	return Coded(NotFound, CodeEntryNotFound, "Entry not found: %s", path)
}

// Unsupported is the honest answer for what is not built or switched off.
func Unsupported(format string, args ...any) *Error {
	return Coded(NotImplemented, CodeNotImplemented, format, args...)
}
