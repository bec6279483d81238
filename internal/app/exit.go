package app

import "strconv"

// The exit codes of what proves storage, beside 0 for clean and 1 for a failure to run.
const (
	ExitDamage   = 10 // damage was found
	ExitRepaired = 11 // damage was found, and all of it repaired
)

// ExitError ends a command that ran to its end with an exit code of its own.
type ExitError struct {
	Code int
	Err  error // what is said on the standard error; nil: the command has said all
}

func (e ExitError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return "exit code " + strconv.Itoa(e.Code)
}

// Unwrap is what is said.
func (e ExitError) Unwrap() error { return e.Err }
