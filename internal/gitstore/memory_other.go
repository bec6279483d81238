//go:build !linux

package gitstore

// limitMemory does nothing where a process cannot be bounded from outside.
func limitMemory(int, int64) {}
