package hub

import (
	"fmt"
	"strconv"
)

// Aged is a place in a list that is ordered by time, the newest first, and by id among those of one instant. The Hub's
// cursors are 24 hex digits, so the id is cut to its first ten.
type Aged struct {
	At int64  // unix microseconds
	ID string // or the beginning of one
}

const (
	agedTime = 14
	agedID   = 10
)

// FromTheStart is before everything in such a list.
var FromTheStart = Aged{At: 1 << 52, ID: "g"} // behind all hex digits

// Cursor writes the place as 24 hex digits.
func (a Aged) Cursor() string {
	return fmt.Sprintf("%0*x%.*s", agedTime, a.At, agedID, a.ID)
}

// ParseAged reads a Cursor back; the empty one is the start.
func ParseAged(cursor string) (Aged, bool) {
	if cursor == "" {
		return FromTheStart, true
	}
	if !lowerHex(cursor, agedTime+agedID) {
		return Aged{}, false
	}
	at, err := strconv.ParseInt(cursor[:agedTime], 16, 64)
	return Aged{At: at, ID: cursor[agedTime:]}, err == nil
}
