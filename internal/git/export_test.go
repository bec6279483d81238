package git

import "os"

// SwapFile gives the spool another file to write to, and returns the one that it had.
func (s *Spool) SwapFile(f *os.File) *os.File {
	old := s.file
	s.file = f
	return old
}
