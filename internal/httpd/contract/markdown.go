package contract

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// Markdown is the document served as /.well-known/openapi.md: the contract for people and for agents that read.
func Markdown() []byte { return readable() }

var readable = sync.OnceValue(func() []byte {
	d, err := load()
	if err != nil {
		panic(err) // the file is embedded, and the tests load it
	}
	m := &markdown{d: d}
	m.document()
	return m.b.Bytes()
})

type markdown struct {
	d *document
	b bytes.Buffer
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(&m.b, format, args...) }

func (m *markdown) document() {
	m.printf("# %s\n\n%s\n", m.d.doc.Info.Title, strings.TrimSpace(m.d.doc.Info.Description))
	for _, tag := range m.d.doc.Tags {
		m.printf("\n## %s\n\n%s\n", tag.Name, tag.Description)
		for _, id := range m.d.ids {
			if o := m.d.ops[id]; o.op.Tags[0] == tag.Name {
				m.operation(o)
			}
		}
	}
	m.printf("\n## Schemas\n")
	for _, name := range slices.Sorted(maps.Keys(m.d.doc.Components.Schemas)) {
		m.schema(name, m.d.doc.Components.Schemas[name].Value)
	}
}

func (m *markdown) operation(o *operation) {
	m.printf("\n### %s\n\n`%s %s`\n\n%s\n", o.id, o.doors[0].Method, o.doors[0].Path, sentence(o.op.Summary))
	if o.op.Description != "" {
		m.printf("\n%s\n", strings.TrimSpace(o.op.Description))
	}
	if aliases := o.doors[1:]; len(aliases) > 0 {
		m.printf("\nAlso:\n")
		for _, a := range aliases {
			m.printf("- `%s %s`\n", a.Method, a.Path)
		}
	}
	m.parameters(o)
	if body := o.op.RequestBody; body != nil {
		m.printf("\nRequest: %s\n", contentText(body.Value.Content))
	}
	m.responses(o.op.Responses)
}

func (m *markdown) parameters(o *operation) {
	var rows []*openapi3.Parameter
	for _, list := range []openapi3.Parameters{m.d.doc.Paths.Value(o.doors[0].Path).Parameters, o.op.Parameters} {
		for _, p := range list {
			rows = append(rows, p.Value)
		}
	}
	if len(rows) == 0 {
		return
	}
	m.printf("\n| parameter | in | type | |\n|---|---|---|---|\n")
	for _, p := range rows {
		m.printf("| %s | %s | %s | %s |\n", p.Name, p.In, cell(typeText(p.Schema)), cell(p.Description))
	}
}

// responses lists what is particular; the shared errors go into one line.
func (m *markdown) responses(rs *openapi3.Responses) {
	m.printf("\n| status | answer | |\n|---|---|---|\n")
	var errs []string
	for _, status := range slices.Sorted(maps.Keys(rs.Map())) {
		ref := rs.Value(status)
		switch {
		case status >= "400" && ref.Ref != "":
			errs = append(errs, status)
			continue
		case strings.HasSuffix(ref.Ref, "/Moved"):
			m.printf("| %s | nothing | The repository has another name now. |\n", status)
			continue
		}
		m.printf("| %s %s | %s | %s |\n", status, statusText(status), contentText(ref.Value.Content), cell(*ref.Value.Description)) // never nil in a valid document
	}
	if len(errs) > 0 {
		m.printf("| %s | the error | |\n", strings.Join(errs, ", "))
	}
}

func (m *markdown) schema(name string, s *openapi3.Schema) {
	m.printf("\n### %s\n\n", name)
	if s.Description != "" {
		m.printf("%s\n\n", strings.TrimSpace(s.Description))
	}
	if len(s.Properties) == 0 {
		m.printf("%s\n", typeText(&openapi3.SchemaRef{Value: s}))
		return
	}
	m.printf("| member | type | |\n|---|---|---|\n")
	m.members("", s, 0)
}

// members lists the properties of an object and, indented by a dotted name, of the objects within.
func (m *markdown) members(prefix string, s *openapi3.Schema, depth int) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		ref := s.Properties[name]
		required := ""
		if slices.Contains(s.Required, name) {
			required = "always. "
		}
		m.printf("| %s%s | %s | %s%s |\n", prefix, name, cell(typeText(ref)), required, cell(ref.Value.Description))
		inner, at := ref, prefix+name+"."
		if ref.Value.Type.Is("array") && ref.Value.Items != nil {
			inner, at = ref.Value.Items, prefix+name+"[]."
		}
		if inner.Ref == "" && len(inner.Value.Properties) > 0 && depth < 4 {
			m.members(at, inner.Value, depth+1)
		}
	}
}

// sentence ends a summary, which may be a question.
func sentence(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func statusText(status string) string {
	for code := 200; code < 600; code++ {
		if fmt.Sprint(code) == status {
			return http.StatusText(code)
		}
	}
	return ""
}

func contentText(c openapi3.Content) string {
	var parts []string
	for _, mime := range slices.Sorted(maps.Keys(c)) {
		part := "`" + mime + "`"
		if s := c[mime].Schema; s != nil && s.Value.Format != "binary" {
			part += " " + cell(typeText(s))
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " or ")
}

// typeText says a type in a few words.
func typeText(ref *openapi3.SchemaRef) string {
	if ref == nil || ref.Value == nil {
		return "any"
	}
	if name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/"); ok {
		return "[" + name + "](#" + strings.ToLower(name) + ")"
	}
	s := ref.Value
	text := shapeText(s)
	if s.Nullable {
		text += " or null"
	}
	return text
}

func shapeText(s *openapi3.Schema) string {
	switch {
	case len(s.OneOf) > 0:
		return alternatives(s.OneOf)
	case len(s.AnyOf) > 0:
		return alternatives(s.AnyOf)
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			if v != nil {
				values = append(values, fmt.Sprintf("`%v`", v))
			}
		}
		return strings.Join(values, ", ")
	case s.Type.Is("array"):
		return "list of " + typeText(s.Items)
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		return "map to " + typeText(s.AdditionalProperties.Schema)
	case s.Pattern != "":
		return "string `" + s.Pattern + "`"
	case s.Type == nil || len(*s.Type) == 0:
		return "any"
	}
	return strings.Join(*s.Type, " or ")
}

func alternatives(refs openapi3.SchemaRefs) string {
	var parts []string
	for _, r := range refs {
		parts = append(parts, typeText(r))
	}
	return strings.Join(parts, " or ")
}
