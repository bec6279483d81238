package card

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// The rules for plain scalars are those of the parser behind the Hub (YAML 1.2 with timestamps), so that `language: no`
// is Norwegian and not false, and a date shows as the ISO string that JavaScript makes of it.
var (
	yamlInt   = regexp.MustCompile(`^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|[0-9][0-9_]*)$`)
	yamlFloat = regexp.MustCompile(`^([-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9_]+([eE][-+]?[0-9]+)?)$`)
	yamlWeird = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	yamlDate  = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})$`)
	yamlTime  = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?` +
		`(?:[ \t]*(Z|([-+])([0-9]{1,2})(?::?([0-9]{2}))?))?$`)
)

func plain(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

func scalar(n *yaml.Node) (any, error) {
	if n.Style&yaml.TaggedStyle != 0 {
		return tagged(n)
	}
	if !plain(n) {
		return n.Value, nil
	}
	return plainValue(n.Value), nil
}

func tagged(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!str", "!!binary", "!":
		return n.Value, nil
	case "!!null", "!!bool", "!!int", "!!float", "!!timestamp":
		return plainValue(n.Value), nil
	}
	return nil, problemAt(n, "the tag "+strconv.Quote(clip(n.Tag, 64))+" is unknown")
}

func plainValue(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	if len(s) > 128 || !strings.ContainsAny(s[:1], "+-.0123456789") {
		return s
	}
	switch {
	case yamlInt.MatchString(s):
		return intValue(s)
	case yamlFloat.MatchString(s):
		return floatValue(s)
	case yamlWeird.MatchString(s):
		return nil // JSON has neither infinity nor NaN
	}
	if t, ok := timeValue(s); ok {
		return t
	}
	return s
}

func intValue(s string) any {
	digits := strings.ReplaceAll(s, "_", "")
	sign, body := "", digits
	if body[0] == '-' || body[0] == '+' {
		sign, body = body[:1], body[1:]
	}
	base := 10
	if len(body) > 2 {
		switch body[:2] {
		case "0b":
			base, body = 2, body[2:]
		case "0x":
			base, body = 16, body[2:]
		case "0o":
			base, body = 8, body[2:]
		}
	}
	if n, err := strconv.ParseInt(sign+body, base, 64); err == nil {
		return n
	}
	if base != 10 {
		return s
	}
	return floatValue(digits)
}

func floatValue(s string) any {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	switch {
	case math.IsInf(f, 0):
		return nil
	case err != nil:
		return s
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return int64(f) // JSON of 1.0 is 1 on the Hub
	}
	return f
}

// timeValue gives a timestamp as JavaScript's JSON has it.
func timeValue(s string) (string, bool) {
	const iso = "2006-01-02T15:04:05.000Z"
	if yamlDate.MatchString(s) {
		t, err := time.Parse("2006-01-02", s)
		return t.Format(iso), err == nil
	}
	m := yamlTime.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return "", false
	}
	ms, _ := strconv.Atoi((m[7] + "000")[:3])
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], ms*1e6, time.UTC)
	if m[9] != "" {
		t = t.Add(-offset(m[9], m[10], m[11]))
	}
	return t.Format(iso), true
}

func offset(sign, hours, minutes string) time.Duration {
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if sign == "-" {
		return -d
	}
	return d
}
