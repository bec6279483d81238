package db

import (
	"strconv"
	"strings"
)

// rebind writes the ? parameters of a statement as PostgreSQL's $1, $2, …, but not those within quotes and comments.
func rebind(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for i := 0; i < len(query); {
		if end := skipQuoted(query, i); end > i {
			b.WriteString(query[i:end])
			i = end
			continue
		}
		if query[i] == '?' {
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		} else {
			b.WriteByte(query[i])
		}
		i++
	}
	return b.String()
}

// skipQuoted returns the end of the string, quoted name or line comment that starts at i, or i. A doubled quote inside
// a string reads as two strings side by side, which is the same to us.
func skipQuoted(query string, i int) int {
	rest := query[i+1:]
	var end int
	switch {
	case query[i] == '\'' || query[i] == '"':
		end = strings.IndexByte(rest, query[i])
	case strings.HasPrefix(query[i:], "--"):
		end = strings.IndexByte(rest, '\n')
	default:
		return i
	}
	if end < 0 {
		return len(query)
	}
	return i + 1 + end + 1
}

// Rebind returns the statement as the engine of d gets it. Only tests that prepare statements need it.
func (d *DB) Rebind(query string) string {
	if d.dialect == Postgres {
		return rebind(query)
	}
	return query
}
