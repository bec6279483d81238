package conformance

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed testdata/operations.json
var operationsJSON []byte

// operation is one of the documents' operations, by what each of them says of it.
type operation struct {
	Method   string
	Path     string
	Tags     []string
	First    *described // the Hub's description, earlier
	Second   *described // and later
	Settings *exemplified
	Client   *needed
}

// described is an operation in JSON Schema.
type described struct {
	Query   []string
	Request any // the schema of the body
	Answers map[string]struct {
		Schema  any
		Headers []string
	}
}

// exemplified is an operation by example.
type exemplified struct {
	Query   []string
	Request any
	Answer  any
	Also    any    // members that the document defines elsewhere for the same thing
	Type    string // of an answer that is not JSON
}

// needed is what clients read of an answer.
type needed struct {
	Members, Items []string // of the object, or of each item of the list
	Also           []string // members that clients know beside
}

func (o *operation) String() string { return o.Method + " " + o.Path }

// answer is the schema of a status, nil where the document does not describe the body.
func (d *described) answer(status string) any {
	if d == nil {
		return nil
	}
	return d.Answers[status].Schema
}

// statuses are those that the Hub's description names.
func (o *operation) statuses() (out []string) {
	for _, d := range []*described{o.First, o.Second} {
		if d != nil {
			for s := range d.Answers {
				out = append(out, s)
			}
		}
	}
	return out
}

// query lists every parameter that one of the documents gives the operation.
func (o *operation) query() (out []string) {
	for _, d := range []*described{o.First, o.Second} {
		if d != nil {
			out = append(out, d.Query...)
		}
	}
	if o.Settings != nil {
		out = append(out, o.Settings.Query...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var parameter = regexp.MustCompile(`\\\{[A-Za-z]+\\\}`)

// leadsTo reports whether an address is one of the operation's.
func (o *operation) leadsTo(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	ok, err := regexp.MatchString("^"+parameter.ReplaceAllString(regexp.QuoteMeta(o.Path), `[^/]+`)+"$", path)
	return ok && err == nil
}

func operations(t *testing.T) []*operation {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(operationsJSON)) // numbers as they are written
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var ops []*operation
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&ops); err != nil {
		t.Fatal(err)
	}
	return ops
}
