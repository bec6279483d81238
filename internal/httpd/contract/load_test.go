package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cairnhub/cairn/api"
)

func TestContractIsValid(t *testing.T) {
	doc, err := Load() // validates
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if ids[op.OperationID] {
				t.Errorf("%s %s: operationId %s stands twice", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			if op.Summary == "" {
				t.Errorf("%s has no summary", op.OperationID)
			}
		}
	}
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	doc, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, ref := range doc.Components.Schemas {
		if ref.Value.Example == nil {
			continue
		}
		n++
		if err := visit(ref.Value, ref.Value.Example); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n < 20 {
		t.Errorf("only %d schemas have examples", n)
	}
}

// A response schema that lets unknown members through checks nothing: each such object is a decision, listed here.
func TestResponsesAreClosed(t *testing.T) {
	doc, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{"Error": true, "TagsByType": true} // errors carry details; a map of kinds
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, resp := range op.Responses.Map() {
				for _, media := range resp.Value.Content {
					checkClosed(t, media.Schema, open)
				}
			}
		}
	}
}

func checkClosed(t *testing.T, ref *openapi3.SchemaRef, open map[string]bool) {
	t.Helper()
	name := strings.TrimPrefix(ref.Ref, "#/components/schemas/")
	if ref.Value.Items != nil {
		checkClosed(t, ref.Value.Items, open)
	}
	if len(ref.Value.Properties) == 0 || open[name] {
		return
	}
	if has := ref.Value.AdditionalProperties.Has; has == nil || *has {
		t.Errorf("schema %q lets unknown members through", name)
	}
}

func TestPublishedDocuments(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(JSON(), &doc); err != nil {
		t.Fatal(err)
	}
	if _, err := openapi3.NewLoader().LoadFromData(JSON()); err != nil {
		t.Errorf("the published document does not load: %v", err)
	}
	for _, internal := range []string{"x-aliases", "x-errors"} {
		if bytes.Contains(JSON(), []byte(internal)) {
			t.Errorf("%s is published", internal)
		}
	}
	if !bytes.Contains(JSON(), []byte("/datasets/{namespace}/{repo}/resolve/{rev}/{path}")) {
		t.Error("aliases are not published as paths")
	}
	ops, err := Operations()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ops {
		if !bytes.Contains(Markdown(), []byte("`"+o.Method+" "+o.Path+"`")) {
			t.Errorf("%s %s is missing from the readable document", o.Method, o.Path)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, edit := range map[string][2]string{
		"no operationId":   {"operationId: whoami", "x-none: whoami"},
		"same operationId": {"operationId: health", "operationId: ready"},
		"alias taken":      {"[/shards, ", "[/v2/shards, "},
		"unknown ref":      {"schemas/Whoami'", "schemas/Nobody'"},
	} {
		src := bytes.Replace(api.OpenAPI, []byte(edit[0]), []byte(edit[1]), 1)
		if bytes.Equal(src, api.OpenAPI) {
			t.Fatalf("%s: %q is not in the contract", name, edit[0])
		}
		if _, err := parse(src); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCheck(t *testing.T) {
	all, err := Operations()
	if err != nil {
		t.Fatal(err)
	}
	if errs := Check(append(all, Op{Unserved, "GET", "/api/papers"})); len(errs) != 0 {
		t.Errorf("the contract does not fit itself: %v", errors.Join(errs...))
	}
	renamed := bytes.ReplaceAll([]byte(all[0].Path), []byte("{"), []byte("{x"))
	all[0].Path = string(renamed)
	if errs := Check(all); len(errs) != 0 {
		t.Errorf("names of parameters matter: %v", errors.Join(errs...))
	}
	for name, routes := range map[string][]Op{
		"operation without route": all[1:],
		"route without operation": append(all[:len(all):len(all)], Op{"nobody", "GET", "/nowhere"}),
		"wrong door":              append(all[:len(all):len(all)], Op{all[0].ID, "GET", "/nowhere"}),
		"wrong method":            append(all[:len(all):len(all)], Op{all[0].ID, "PATCH", all[0].Path}),
	} {
		if errs := Check(routes); len(errs) != 1 {
			t.Errorf("%s: %v", name, errs)
		}
	}
}
