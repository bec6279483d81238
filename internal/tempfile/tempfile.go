// Package tempfile makes files of which nothing is left however the process ends: those without a name go with it, those
// with one are removed by the next process, which sees that nobody has them open. It must not know what they are for.
package tempfile

import "os"

// New is an empty file in a folder, to write and read; empty: the system's folder for temporary files. Where the system
// cannot make a file without a name, it has one for an instant.
func New(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if f, err := nameless(dir); err == nil {
		return f, nil
	}
	f, err := os.CreateTemp(dir, "tmp-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
