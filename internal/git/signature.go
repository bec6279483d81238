package git

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Signature is who did something and when, to the second, with the zone that the writer's clock had.
type Signature struct {
	Name  string
	Email string
	When  time.Time
}

// maxTime is the last second that a signature may state (the year 9999), so that printing it never overflows.
const maxTime = 253402300799

// String is the form in a commit: "Name <email> seconds zone". Characters that would break the line are dropped,
// as git does.
func (s Signature) String() string {
	_, off := s.When.Zone()
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	return fmt.Sprintf("%s <%s> %d %c%02d%02d", cleanIdent(s.Name), cleanIdent(s.Email), s.When.Unix(), sign, off/3600, off/60%60)
}

func cleanIdent(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '<' || r == '>' || r == '\n' || r == 0 {
			return -1
		}
		return r
	}, s)
	return strings.Trim(s, " .,:;\"'\\")
}

// parseSignature never fails: old histories hold lines that git itself reads as well as it can.
func parseSignature(line []byte) Signature {
	var s Signature
	open := bytes.IndexByte(line, '<')
	end := bytes.LastIndexByte(line, '>')
	if open < 0 || end < open {
		s.Name = strings.TrimSpace(string(line))
		s.When = time.Unix(0, 0).UTC()
		return s
	}
	s.Name = strings.TrimSpace(string(line[:open]))
	s.Email = string(line[open+1 : end])
	s.When = parseWhen(strings.Fields(string(line[end+1:])))
	return s
}

func parseWhen(f []string) time.Time {
	if len(f) == 0 {
		return time.Unix(0, 0).UTC()
	}
	sec, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || sec < -maxTime || sec > maxTime {
		sec = 0
	}
	t := time.Unix(sec, 0).UTC()
	if len(f) < 2 || len(f[1]) != 5 {
		return t
	}
	n, err := strconv.Atoi(f[1][1:])
	if err != nil || n < 0 || (f[1][0] != '+' && f[1][0] != '-') {
		return t
	}
	off := n/100*3600 + n%100*60
	if f[1][0] == '-' {
		off = -off
	}
	if off == 0 {
		return t
	}
	return t.In(time.FixedZone("", off))
}
