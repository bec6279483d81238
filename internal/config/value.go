package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// value reads and prints one field.
type value struct {
	set func(string) error
	get func() string
}

func text(p *string) value {
	return value{
		set: func(s string) error { *p = strings.TrimSpace(s); return nil },
		get: func() string { return *p },
	}
}

func boolean(p *bool) value {
	return value{
		set: func(s string) (err error) {
			if *p, err = strconv.ParseBool(s); err != nil {
				err = fmt.Errorf("%q is neither true nor false", s)
			}
			return err
		},
		get: func() string { return strconv.FormatBool(*p) },
	}
}

func number(p *int64) value {
	return value{
		set: func(s string) (err error) {
			if *p, err = strconv.ParseInt(s, 10, 64); err != nil {
				err = fmt.Errorf("%q is not a whole number", s)
			}
			return err
		},
		get: func() string { return strconv.FormatInt(*p, 10) },
	}
}

func duration(p *time.Duration) value {
	return value{
		set: func(s string) (err error) {
			if *p, err = time.ParseDuration(s); err != nil {
				err = fmt.Errorf("%q is not a duration: write it like 90s, 15m or 1h30m", s)
			}
			return err
		},
		get: func() string { return (*p).String() },
	}
}

func list(p *[]string) value {
	return value{
		set: func(s string) error {
			*p = nil
			for _, item := range strings.Split(s, ",") {
				if item = strings.TrimSpace(item); item != "" {
					*p = append(*p, item)
				}
			}
			return nil
		},
		get: func() string { return strings.Join(*p, ",") },
	}
}

// units are decimal, as everywhere on the Hub; the binary ones for who writes them.
var units = []struct {
	name  string
	bytes float64
}{
	{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

func size(p *int64) value {
	return value{
		set: func(s string) (err error) { *p, err = parseSize(s); return err },
		get: func() string { return formatSize(*p) },
	}
}

func parseSize(s string) (int64, error) {
	upper, factor := strings.ToUpper(strings.TrimSpace(s)), 1.0
	for _, u := range units {
		if rest, ok := strings.CutSuffix(upper, u.name); ok {
			upper, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(strings.ReplaceAll(upper, "_", ""), 10, 64); err == nil && factor == 1 {
		return n, nil
	}
	f, err := strconv.ParseFloat(upper, 64)
	if f *= factor; err != nil || math.IsNaN(f) || math.Abs(f) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size: write it like 500MB or 20GB", s)
	}
	return int64(f), nil
}

func formatSize(n int64) string {
	for i := 7; i >= 4; i-- { // TB to KB
		if u := int64(units[i].bytes); n != 0 && n%u == 0 {
			return strconv.FormatInt(n/u, 10) + units[i].name
		}
	}
	return strconv.FormatInt(n, 10)
}
