package backup

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
)

// The first byte of a record says what it is.
const (
	recTable    = 't' // JSON: a db.Table, whose rows follow
	recRow      = 'r' // a value for each column
	recTableEnd = 'e' // varint: how many rows the table had
	recCounters = 'c' // JSON: a list of db.Counter
	recEnd      = 'z' // nothing follows
)

// The first byte of a value.
const (
	valNull = iota
	valInt  // varint
	valText // length as a varint, bytes
	valBlob // the same
	valFalse
	valTrue
	valReal // 8 bytes, IEEE 754, little-endian
)

// appendRow adds the values of a row, each as its column's class asks for it: SQLite gives what was put in, which may be
// of another type.
func appendRow(b []byte, t *db.Table, values []any) ([]byte, error) {
	for i, v := range values {
		c := &t.Columns[i]
		v, err := normal(c.Class, v)
		if err != nil {
			return b, fmt.Errorf("%s.%s: %w", t.Name, c.Name, err)
		}
		b = appendValue(b, v)
	}
	return b, nil
}

// normal is a value of a column as both engines take it.
func normal(class db.Class, v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case int64:
		switch class {
		case db.Int:
			return v, nil
		case db.Bool:
			return v != 0, nil
		case db.Real:
			return float64(v), nil
		}
	case bool:
		if class == db.Bool {
			return v, nil
		}
	case float64:
		if class == db.Real {
			return v, nil
		}
		if class == db.Int && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case string:
		switch class {
		case db.Text:
			return v, nil
		case db.Blob:
			return []byte(v), nil
		}
	case []byte:
		switch class {
		case db.Text:
			return string(v), nil
		case db.Blob:
			if v == nil { // an empty one, which pgx would take for NULL
				v = []byte{}
			}
			return v, nil
		}
	}
	return nil, fmt.Errorf("a %T in a column of %s", v, class)
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return binary.AppendVarint(append(b, valInt), v)
	case string:
		return append(binary.AppendUvarint(append(b, valText), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(append(b, valBlob), uint64(len(v))), v...)
	case bool:
		if v {
			return append(b, valTrue)
		}
		return append(b, valFalse)
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, valReal), math.Float64bits(v))
	}
	return append(b, valNull)
}

// parseRow reads n values; they do not share memory with b.
func parseRow(b []byte, n int) (values []any, err error) {
	values = make([]any, n)
	for i := range values {
		if values[i], b, err = parseValue(b); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("a row has %d bytes too many", len(b))
	}
	return values, nil
}

func parseValue(b []byte) (v any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errShortRow
	}
	kind, b := b[0], b[1:]
	switch kind {
	case valNull:
		return nil, b, nil
	case valFalse, valTrue:
		return kind == valTrue, b, nil
	case valInt:
		n, k := binary.Varint(b)
		if k <= 0 {
			return nil, nil, errShortRow
		}
		return n, b[k:], nil
	case valReal:
		if len(b) < 8 {
			return nil, nil, errShortRow
		}
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), b[8:], nil
	case valText, valBlob:
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, nil, errShortRow
		}
		body, rest := b[k:k+int(n)], b[k+int(n):]
		if kind == valText {
			return string(body), rest, nil
		}
		return append(make([]byte, 0, n), body...), rest, nil
	}
	return nil, nil, fmt.Errorf("a value of kind %d", kind)
}

var errShortRow = fmt.Errorf("a row ends early")

// loadable refuses what the target cannot keep, with words that say where it is.
func loadable(target db.Dialect, t *db.Table, values []any) error {
	if target != db.Postgres {
		return nil
	}
	for i, v := range values {
		if s, ok := v.(string); ok && strings.ContainsRune(s, 0) {
			return fmt.Errorf("%s.%s holds a text with a zero byte (%.60q), which PostgreSQL cannot keep", t.Name, t.Columns[i].Name, s)
		}
	}
	return nil
}
