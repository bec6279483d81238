package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cairnhub/cairn/api"
)

// document is the contract as the tests and the renderers use it.
type document struct {
	doc *openapi3.T // with one path item per alias, as published
	ops map[string]*operation
	ids []string // in the order of the tags, then of the paths
}

// operation is one operationId with all the doors that lead to it.
type operation struct {
	id     string
	doors  []Op // the first is the one that the contract names, the others are aliases
	op     *openapi3.Operation
	commit []string // headers that a 404 EntryNotFound must carry
}

// load reads the embedded contract once.
var load = sync.OnceValues(func() (*document, error) { return parse(api.OpenAPI) })

// Load gives the contract, valid and with its aliases written out as paths of their own.
func Load() (*openapi3.T, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	return d.doc, nil
}

// JSON is the document served as /.well-known/openapi.json.
func JSON() []byte { return published() }

var published = sync.OnceValue(func() []byte {
	d, err := load()
	if err != nil {
		panic(err) // the file is embedded, and the tests load it
	}
	b, err := json.MarshalIndent(d.doc, "", " ")
	if err != nil {
		panic(err)
	}
	return b
})

func parse(src []byte) (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(src)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	d := &document{doc: doc, ops: map[string]*operation{}}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		for method, op := range item.Operations() {
			if err := d.add(method, path, op); err != nil {
				return nil, err
			}
		}
	}
	d.sort()
	for _, id := range d.ids {
		if err := d.publishAliases(d.ops[id]); err != nil {
			return nil, err
		}
	}
	delete(doc.Extensions, "x-errors")
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return d, nil
}

func (d *document) add(method, path string, op *openapi3.Operation) error {
	switch {
	case op.OperationID == "":
		return fmt.Errorf("openapi.yaml: %s %s has no operationId", method, path)
	case d.ops[op.OperationID] != nil:
		return fmt.Errorf("openapi.yaml: operationId %s stands twice", op.OperationID)
	case len(op.Tags) != 1:
		return fmt.Errorf("openapi.yaml: %s must have one tag", op.OperationID)
	}
	o := &operation{id: op.OperationID, op: op, doors: []Op{{op.OperationID, method, path}}}
	for _, alias := range texts(op.Extensions["x-aliases"]) {
		m, p, ok := strings.Cut(alias, " ")
		if !ok {
			m, p = method, alias
		}
		o.doors = append(o.doors, Op{op.OperationID, m, p})
	}
	o.commit = texts(op.Extensions["x-entry-headers"])
	delete(op.Extensions, "x-aliases")
	d.ops[o.id] = o
	return nil
}

// sort puts the operations in the order of the document's tags.
func (d *document) sort() {
	rank := map[string]int{}
	for i, t := range d.doc.Tags {
		rank[t.Name] = i
	}
	d.ids = slices.SortedFunc(maps.Keys(d.ops), func(a, b string) int {
		x, y := d.ops[a], d.ops[b]
		if c := rank[x.op.Tags[0]] - rank[y.op.Tags[0]]; c != 0 {
			return c
		}
		if c := strings.Compare(x.doors[0].Path, y.doors[0].Path); c != 0 {
			return c
		}
		return strings.Compare(x.doors[0].Method, y.doors[0].Method)
	})
}

// publishAliases writes an operation's further doors into the document, so that a reader of plain OpenAPI sees them.
func (d *document) publishAliases(o *operation) error {
	for i, door := range o.doors[1:] {
		item := d.doc.Paths.Value(door.Path)
		if item == nil {
			params, err := d.pathParams(door.Path)
			if err != nil {
				return err
			}
			item = &openapi3.PathItem{Parameters: params}
			d.doc.Paths.Set(door.Path, item)
		}
		if item.GetOperation(door.Method) != nil {
			return fmt.Errorf("openapi.yaml: %s %s, an alias of %s, is taken", door.Method, door.Path, o.id)
		}
		op := *o.op
		op.OperationID = aliasID(o, i+1)
		item.SetOperation(door.Method, &op)
	}
	return nil
}

// aliasID names an alias for readers of plain OpenAPI, where every operation has an id of its own: by its method and
// its type's prefix, or by a number where that does not tell it apart.
func aliasID(o *operation, n int) string {
	name := func(door Op) string {
		id := o.id
		if door.Method != o.doors[0].Method {
			id += door.Method[:1] + strings.ToLower(door.Method[1:])
		}
		if strings.HasPrefix(door.Path, "/datasets/") {
			id += "OfDataset"
		} else if strings.HasPrefix(door.Path, "/spaces/") {
			id += "OfSpace"
		}
		return id
	}
	id := name(o.doors[n])
	for _, before := range o.doors[:n] {
		if name(before) == id {
			return fmt.Sprintf("%sAlias%d", id, n)
		}
	}
	return id
}

// pathParams are the shared parameters that a path's template names.
func (d *document) pathParams(path string) (openapi3.Parameters, error) {
	var out openapi3.Parameters
	for _, m := range param.FindAllStringSubmatch(path, -1) {
		p := d.doc.Components.Parameters[m[1]]
		if p == nil {
			return nil, fmt.Errorf("openapi.yaml: %s names no shared parameter %s", path, m[1])
		}
		out = append(out, &openapi3.ParameterRef{Ref: "#/components/parameters/" + m[1], Value: p.Value})
	}
	return out, nil
}

// texts reads an extension that is a list of strings.
func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
