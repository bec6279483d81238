package card

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// maxProblems bounds the errors, and the warnings, that one card can have.
const maxProblems = 50

// Problem is one thing that is wrong with a card, as POST /api/validate-yaml answers it.
type Problem struct {
	Message string `json:"message"`
}

type validator struct{ errors, warnings []Problem }

func (v *validator) fail(format string, args ...any) { report(&v.errors, format, args) }
func (v *validator) warn(format string, args ...any) { report(&v.warnings, format, args) }

func report(list *[]Problem, format string, args []any) {
	if len(*list) < maxProblems {
		*list = append(*list, Problem{clip(fmt.Sprintf(format, args...), 2000)})
	}
}

func (v *validator) check(d dict, repoType hub.RepoType) {
	v.license(d)
	v.languages(d)
	v.listOfStrings(d, "tags")
	v.gatedForm(d)
	for _, key := range []string{"license_name", "license_link", "thumbnail", "extra_gated_prompt", "extra_gated_heading",
		"extra_gated_description", "extra_gated_button_content"} {
		v.text(d, key)
	}
	switch repoType {
	case hub.Model:
		v.model(d)
	case hub.Dataset:
		v.dataset(d)
	case hub.Space:
		v.space(d)
	}
}

// text checks that a key, when it is there, holds a string.
func (v *validator) text(d dict, key string) {
	switch d[key].(type) {
	case nil, string:
	default:
		v.fail("%q must be a string", key)
	}
}

func (v *validator) flag(d dict, key string) {
	switch d[key].(type) {
	case nil, bool:
	default:
		v.fail("%q must be true or false", key)
	}
}

// listOfStrings checks a key that must be a list.
func (v *validator) listOfStrings(d dict, key string) {
	switch d[key].(type) {
	case nil:
	case []any:
		v.eachString(d, key, func(string, string) {})
	default:
		v.fail("%q must be an array of strings", key)
	}
}

// eachString checks that a key holds a string or a list of strings and hands each to check, with its place.
func (v *validator) eachString(d dict, key string, check func(place, s string)) {
	switch x := d[key].(type) {
	case nil:
	case string:
		check(fmt.Sprintf("%q", key), x)
	case []any:
		for i, e := range x {
			place := fmt.Sprintf(`"%s[%d]"`, key, i)
			if s, ok := e.(string); ok {
				check(place, s)
			} else {
				v.fail("%s must be a string", place)
			}
		}
	default:
		v.fail("%q must be a string or an array of strings", key)
	}
}

func (v *validator) license(d dict) {
	v.eachString(d, "license", func(place, s string) {
		if !licenses[s] {
			v.fail("%s must be one of the known license identifiers, not %q. For any other license write `other` and add license_name and license_link. Known: %s",
				place, clip(s, 64), strings.Join(licenseIDs, ", "))
		}
	})
	if d["license"] == "other" && d.text("license_name") == "" {
		v.warn(`With license "other", "license_name" and "license_link" tell readers which license it is.`)
	}
}

var languageShape = regexp.MustCompile(`^[a-z]{2,3}$`)

func (v *validator) languages(d dict) {
	v.eachString(d, "language", func(place, s string) {
		if !languageShape.MatchString(s) && s != "code" && s != "multilingual" {
			v.fail(`%s must be an ISO 639-1, 639-2 or 639-3 code of two or three lower-case letters, or "code" or "multilingual", not %q. BCP-47 tags go into "language_bcp47".`,
				place, clip(s, 64))
		}
	})
}

func (v *validator) gatedForm(d dict) {
	if d["extra_gated_fields"] == nil {
		return
	}
	fields := d.dict("extra_gated_fields")
	if fields == nil {
		v.fail(`"extra_gated_fields" must be a mapping of questions to types`)
	}
	if len(fields) > maxGatedFields {
		v.fail(`"extra_gated_fields" must have at most %d questions`, maxGatedFields)
		return
	}
	for _, name := range sortedKeys(fields) {
		if f, ok := gatedField(name, fields[name]); !ok {
			v.fail(`"extra_gated_fields.%s" must be text, checkbox, date_picker, country, ip_location or select, not %q`,
				clip(name, 64), clip(f.Type, 64))
		} else if f.Type == "select" && len(f.Options) == 0 {
			v.fail(`"extra_gated_fields.%s" must have options`, clip(name, 64))
		}
	}
}
