package card

import (
	"math"
	"strconv"
)

// maxList bounds how many entries of a list become tags and fields; Data keeps them all.
const maxList = 2000

// dict reads a mapping without trusting the types in it.
type dict map[string]any

// text is a string, or a number as its digits: sdk_version: 5.1 is written without quotes as often as with.
func (d dict) text(key string) string { s, _ := asText(d[key]); return s }

func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// texts is a string or a list of strings; other things in the list are left out.
func (d dict) texts(key string) []string {
	switch v := d[key].(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		var out []string
		for _, e := range v[:min(len(v), maxList)] {
			if s, ok := e.(string); ok && s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func (d dict) list(key string) []any {
	v, _ := d[key].([]any)
	return v
}

func (d dict) dict(key string) dict {
	v, _ := d[key].(map[string]any)
	return v
}

func (d dict) flag(key string) bool {
	v, _ := d[key].(bool)
	return v
}

func (d dict) number(key string) int64 {
	switch v := d[key].(type) {
	case int64:
		return v
	case float64: // from encoding/json
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	}
	return 0
}
