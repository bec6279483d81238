package account

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]struct{ plain, odd bool }{
		"alice":                 {true, true},
		"Al-ice_2.x":            {true, true},
		"ab":                    {true, true},
		"admin":                 {true, true},
		strings.Repeat("a", 42): {true, true},
		strings.Repeat("a", 43): {false, true},
		"a":                     {false, true},
		"__DUMMY_USER__":        {false, true},
		"-a":                    {false, true},
		"a--b":                  {false, true},
		"a.b":                   {true, true},
		"a..b":                  {false, true},
		"12345":                 {false, true},
		"repo.git":              {false, true},
		"Ångström":              {false, true},
		"blog":                  {false, true},
		"API":                   {false, false},
		"datasets":              {false, false},
		"admin-routes":          {false, false},
		"":                      {false, false},
		".":                     {false, false},
		"..":                    {false, false},
		"a/b":                   {false, false},
		`a\b`:                   {false, false},
		"a%2Fb":                 {false, false},
		"a?b":                   {false, false},
		"a#b":                   {false, false},
		" a":                    {false, false},
		"a\x00":                 {false, false},
		"a\r\nb":                {false, false},
		"a\u202eb":              {false, false},
		"a\u200bb":              {false, false},
		"\xff\xfe":              {false, false},
		strings.Repeat("a", 97): {false, false},
	} {
		if got := CheckName(name, false) == nil; got != want.plain {
			t.Errorf("CheckName(%q) = %t, want %t", name, got, want.plain)
		}
		if got := CheckName(name, true) == nil; got != want.odd {
			t.Errorf("CheckName(%q, skip) = %t, want %t", name, got, want.odd)
		}
	}
}
