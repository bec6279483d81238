package xet

import (
	"strconv"
	"strings"
)

// ParseByteRange reads a Range header for a file of the given size and returns the bytes [from, to) that it names. No header
// names the whole file. Ends beyond the file are cut: clients ask for blocks ahead without knowing the size, with ends up to
// 2^64-2. [ErrRange] is a range that begins beyond the file (byte 0 of an empty file does not); a [FormatError] is
// anything but a single range "bytes=a-b", "bytes=a-" or "bytes=-n".
func ParseByteRange(header string, size uint64) (from, to uint64, err error) {
	if header == "" {
		return 0, size, nil
	}
	spec, _ := strings.CutPrefix(header, "bytes=")
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || len(spec) == len(header) {
		return 0, 0, errByteRange
	}
	if first == "" {
		return suffixRange(last, size)
	}
	if from, err = parseDecimal(first); err != nil {
		return 0, 0, err
	}
	if to, err = rangeEnd(last, from, size); err != nil {
		return 0, 0, err
	}
	if from >= size && from > 0 || from >= to && size > 0 {
		return 0, 0, ErrRange
	}
	return from, to, nil
}

var errByteRange error = &FormatError{Format: "range", Msg: "not a single range of bytes"}

// rangeEnd makes the exclusive end of a range from its inclusive one; none means the end of the file.
func rangeEnd(digits string, from, size uint64) (uint64, error) {
	if digits == "" {
		return size, nil
	}
	last, err := parseDecimal(digits)
	if err != nil {
		return 0, err
	}
	if last < from {
		return 0, errByteRange
	}
	if last >= size {
		return size, nil // last+1 could overflow
	}
	return last + 1, nil
}

// suffixRange is the last n bytes of the file.
func suffixRange(digits string, size uint64) (from, to uint64, err error) {
	n, err := parseDecimal(digits)
	if err != nil {
		return 0, 0, err
	}
	if n == 0 {
		return 0, 0, ErrRange
	}
	return size - min(n, size), size, nil
}

// parseDecimal takes digits alone: ParseUint in base 10 knows no sign and no underscore.
func parseDecimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, errByteRange
	}
	return n, nil
}
