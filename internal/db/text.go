package db

import (
	"strings"
	"unicode/utf8"
)

// IsText reports whether a string can stand in a statement on both engines: PostgreSQL refuses NUL and what is not
// UTF-8. A name that is no text names nothing.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
