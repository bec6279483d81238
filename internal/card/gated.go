package card

const maxGatedFields = 100

// Gated is what a repository asks of those who request access.
type Gated struct {
	Heading       string       `json:"heading,omitempty"`
	Description   string       `json:"description,omitempty"`
	Prompt        string       `json:"prompt,omitempty"`
	ButtonContent string       `json:"buttonContent,omitempty"`
	Fields        []GatedField `json:"fields,omitempty"` // as ordered in the card
	EUDisallowed  bool         `json:"euDisallowed,omitempty"`
}

// GatedField is one question of the access form.
type GatedField struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"` // text, checkbox, date_picker, country, ip_location, select
	Options []string `json:"options,omitempty"`
}

var gatedTypes = set("text", "checkbox", "date_picker", "country", "ip_location", "select")

func gated(d dict, order []string) Gated {
	g := Gated{
		Heading: d.text("extra_gated_heading"), Description: d.text("extra_gated_description"),
		Prompt: d.text("extra_gated_prompt"), ButtonContent: d.text("extra_gated_button_content"),
		EUDisallowed: d.flag("extra_gated_eu_disallowed"),
	}
	fields := d.dict("extra_gated_fields")
	for _, name := range order {
		if f, ok := gatedField(name, fields[name]); ok {
			g.Fields = append(g.Fields, f)
		}
	}
	return g
}

func gatedField(name string, v any) (GatedField, bool) {
	f := GatedField{Name: name}
	switch v := v.(type) {
	case string:
		f.Type = v
	case map[string]any:
		f.Type = dict(v).text("type")
		f.Options = gatedOptions(dict(v).list("options"))
	}
	return f, gatedTypes[f.Type]
}

// gatedOptions reads choices that are strings or have a label.
func gatedOptions(list []any) []string {
	var out []string
	for _, o := range list[:min(len(list), maxGatedFields)] {
		if m, ok := o.(map[string]any); ok {
			o = m["label"]
		}
		if s, ok := o.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
