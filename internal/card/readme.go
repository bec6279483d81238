package card

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Field is one line of a front matter; Value is a string, bool, number or list of strings.
type Field struct {
	Key   string
	Value any
}

// NewReadme writes a README with a front matter of the fields in their order. Fields whose value is nil or the empty
// string are left out; without any field there is no front matter.
func NewReadme(fields []Field, body []byte) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields {
		if err := appendField(root, f); err != nil {
			return nil, err
		}
	}
	return assemble(root, body)
}

// Merge sets fields in the front matter of a README and keeps its other keys, its comments and its body. A field whose
// value is nil removes the key.
func Merge(readme []byte, fields []Field) ([]byte, error) {
	front, body, ok := Split(readme)
	if !ok {
		return NewReadme(fields, readme)
	}
	if _, err := decodeYAML(front); err != nil { // applies the bounds
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(front, &doc); err != nil {
		return nil, yamlError(err)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if len(doc.Content) > 0 && doc.Content[0].Kind == yaml.MappingNode {
		root = doc.Content[0]
	}
	for _, f := range fields {
		if err := setField(root, f); err != nil {
			return nil, err
		}
	}
	return assemble(root, body)
}

func appendField(root *yaml.Node, f Field) error {
	if f.Value == nil || f.Value == "" {
		return nil
	}
	value := &yaml.Node{}
	if err := value.Encode(f.Value); err != nil {
		return err
	}
	quoteAmbiguous(value)
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: f.Key}, value)
	return nil
}

// quoteAmbiguous quotes strings that a reader of another YAML version would take for something else.
func quoteAmbiguous(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		if _, isText := plainValue(n.Value).(string); !isText {
			n.Style = yaml.SingleQuotedStyle
		}
		switch strings.ToLower(n.Value) {
		case "yes", "no", "on", "off", "y", "n":
			n.Style = yaml.SingleQuotedStyle
		}
	}
	for _, c := range n.Content {
		quoteAmbiguous(c)
	}
}

func setField(root *yaml.Node, f Field) error {
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != f.Key {
			continue
		}
		if f.Value == nil {
			root.Content = append(root.Content[:i], root.Content[i+2:]...)
			return nil
		}
		value := &yaml.Node{}
		if err := value.Encode(f.Value); err != nil {
			return err
		}
		quoteAmbiguous(value)
		root.Content[i+1] = value
		return nil
	}
	return appendField(root, f)
}

func assemble(root *yaml.Node, body []byte) ([]byte, error) {
	if len(root.Content) == 0 {
		return body, nil
	}
	var out bytes.Buffer
	out.WriteString("---\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	out.WriteString("---\n")
	out.Write(body)
	return out.Bytes(), nil
}
