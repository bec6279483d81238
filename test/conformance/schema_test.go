package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

type object = map[string]any

// pattern is a regular expression of ECMAScript's kind, which the documents use and Go's library lacks.
type pattern regexp2.Regexp

func (p *pattern) MatchString(s string) bool {
	ok, err := (*regexp2.Regexp)(p).MatchString(s)
	return ok && err == nil
}

func (p *pattern) String() string { return (*regexp2.Regexp)(p).String() }

func compilePattern(s string) (jsonschema.Regexp, error) {
	re, err := regexp2.Compile(s, regexp2.ECMAScript)
	return (*pattern)(re), err
}

// validate holds a JSON value to a schema of draft 2020-12; formats count.
func validate(schema, value any) error {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseRegexpEngine(compilePattern)
	c.AssertFormat()
	if err := c.AddResource("schema.json", schema); err != nil {
		return err
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// widen gives a schema the members that another one has at the same place, none of them required: what one document
// leaves out and another defines is no violation.
func widen(a, b any) any {
	s, ok := a.(object)
	if !ok || b == nil {
		return a
	}
	s = maps.Clone(s)
	if ways := listOf(s["anyOf"]); len(ways) > 0 {
		ways = slices.Clone(ways)
		for i := range ways {
			ways[i] = widen(ways[i], b)
		}
		s["anyOf"] = ways
	}
	for _, other := range branches(b) {
		if items, ok := s["items"]; ok {
			s["items"] = widen(items, other["items"])
		}
		more, _ := other["properties"].(object)
		if props, ok := s["properties"].(object); ok {
			props = maps.Clone(props)
			for name, schema := range more {
				if own, ok := props[name]; ok {
					schema = widen(own, schema)
				}
				props[name] = schema
			}
			s["properties"] = props
		}
	}
	return s
}

// branches are a schema and all that it says by way of anyOf.
func branches(schema any) []object {
	s, ok := schema.(object)
	if !ok {
		return nil
	}
	out := []object{s}
	for _, b := range listOf(s["anyOf"]) {
		out = append(out, branches(b)...)
	}
	return out
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

// shape is a schema of what an example shows: its members and nothing of their values.
func shape(example any) any {
	switch e := example.(type) {
	case object:
		props := object{}
		for name, v := range e {
			props[name] = shape(v)
		}
		return object{"properties": props}
	case []any:
		if len(e) > 0 {
			return object{"items": shape(e[0])}
		}
	}
	return object{}
}

// added are members that an answer has beside those of its example, since it would promise too much without them: whether
// lfs_keep_versions acts on this hub.
var added = map[string]bool{"answer.lfs_release": true}

// like compares a value with an example: the same members of the same types. Members that schema defines may be there
// beside them.
func like(at string, example, value, schema any) (wrong []string) {
	switch e := example.(type) {
	case object:
		v, ok := value.(object)
		if !ok {
			return []string{fmt.Sprintf("%s: %s, not an object", at, kind(value))}
		}
		for _, name := range slices.Sorted(maps.Keys(e)) {
			got, ok := v[name]
			if !ok {
				wrong = append(wrong, at+"."+name+" is missing")
				continue
			}
			wrong = append(wrong, like(at+"."+name, e[name], got, member(schema, name))...)
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if _, ok := e[name]; !ok && member(schema, name) == nil && !added[at+"."+name] {
				wrong = append(wrong, at+"."+name+" is in no document")
			}
		}
	case []any:
		v, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %s, not a list", at, kind(value))}
		}
		for i := range v {
			if len(e) > 0 {
				wrong = append(wrong, like(fmt.Sprintf("%s[%d]", at, i), e[0], v[i], items(schema))...)
			}
		}
	default:
		if kind(value) != kind(example) {
			wrong = append(wrong, fmt.Sprintf("%s: %s, not %s", at, kind(value), kind(example)))
		}
	}
	return wrong
}

func member(schema any, name string) any {
	for _, s := range branches(schema) {
		if props, ok := s["properties"].(object); ok && props[name] != nil {
			return props[name]
		}
	}
	return nil
}

func items(schema any) any {
	for _, s := range branches(schema) {
		if s["items"] != nil {
			return s["items"]
		}
	}
	return nil
}

// kind is what a value is, as far as an example tells: a time is not any text.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil && strings.HasSuffix(v, "Z") {
			return "a time"
		}
		return "a text"
	case []any:
		return "a list"
	}
	return "an object"
}

// violations is all that is wrong with a JSON answer, and how many documents it was held to.
func (o *operation) violations(status string, body []byte) (wrong []string, checks int) {
	hub := []any{o.First.answer(status), o.Second.answer(status)}
	example, also := any(nil), object{}
	if o.Settings != nil && o.Settings.Type == "" {
		example = o.Settings.Answer
		for _, extra := range []any{o.Settings.Answer, o.Settings.Also} {
			also = widen(withProperties(also), shape(extra)).(object)
		}
	}
	if o.Client != nil {
		for _, name := range slices.Concat(o.Client.Members, o.Client.Items, o.Client.Also) {
			also = widen(withProperties(also), object{"properties": object{name: object{}}}).(object)
		}
		also["items"] = maps.Clone(also)
	}
	also = widen(withProperties(also), ours[o.String()]).(object)
	if example == nil && hub[0] == nil && hub[1] == nil && o.Client == nil {
		return nil, 1 // the documents say nothing of the body
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"not JSON: " + err.Error()}, 1
	}
	for i, name := range []string{"the earlier description", "the later description"} {
		if hub[i] == nil {
			continue
		}
		checks++
		if err := validate(widen(widen(hub[i], hub[1-i]), also), value); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", name, err))
		}
	}
	if example != nil {
		checks++
		all := also
		for _, s := range hub {
			if s != nil {
				all = widen(withProperties(all), s).(object)
			}
		}
		wrong = append(wrong, like("answer", example, value, all)...)
	}
	if o.Client != nil {
		checks++
		wrong = append(wrong, o.Client.misses(value)...)
	}
	return wrong, max(checks, 1)
}

// withProperties makes room for what widen adds.
func withProperties(s object) object {
	s = maps.Clone(s)
	if s["properties"] == nil {
		s["properties"] = object{}
	}
	return s
}

// misses is what a client does not find.
func (n *needed) misses(value any) (wrong []string) {
	has := func(at string, v any, names []string) {
		o, ok := v.(object)
		for _, name := range names {
			if _, found := o[name]; !ok || !found {
				wrong = append(wrong, at+": clients need "+name)
			}
		}
	}
	if n.Items == nil {
		if n.Members != nil {
			has("answer", value, n.Members)
		}
		return wrong
	}
	list, ok := value.([]any)
	if !ok {
		return []string{"clients need a list"}
	}
	for i, v := range list {
		has(fmt.Sprintf("answer[%d]", i), v, n.Items)
	}
	return wrong
}
