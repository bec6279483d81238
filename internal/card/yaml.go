package card

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// The bounds on a front matter's tree.
const (
	maxItems    = 100_000 // lines, commas and brackets in the text: what bounds the parser's nodes
	maxNodes    = 200_000 // values after alias expansion, and less in a short text: see budget
	maxText     = 4 << 20 // bytes of text after alias expansion
	maxDepth    = 64
	maxKeyBytes = 1 << 10
)

// tree is a front matter as plain values, and the order of one mapping's keys, which a map loses.
type tree struct {
	data        map[string]any
	gatedFields []string // keys of extra_gated_fields as they were written
}

// decodeYAML reads a front matter. Values have the types that JSON has: string, bool, int64, float64, nil, []any,
// map[string]any. The error's text is safe to show.
func decodeYAML(text []byte) (*tree, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	if blank(text) {
		return &tree{data: map[string]any{}}, nil
	}
	var doc yaml.Node
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone()) // aliases are counted below
	if err := yaml.Load(text, &doc, yaml.WithAllDocuments(false), yaml.WithPlugin(limits)); err != nil {
		return nil, yamlError(err)
	}
	root := &doc
	for root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	w := &walker{limit: budget(text)}
	value, err := w.value(root, 0)
	if err != nil {
		return nil, err
	}
	data, ok := value.(map[string]any)
	if !ok {
		if value == nil {
			return &tree{data: map[string]any{}}, nil
		}
		return nil, errors.New("The YAML metadata must be a mapping of keys to values")
	}
	return &tree{data: data, gatedFields: keysOf(root, "extra_gated_fields")}, nil
}

// blank reports whether there are only comments, for which the parser has no document.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

func checkText(text []byte) error {
	if len(text) > MaxFrontMatter {
		return fmt.Errorf("The YAML metadata is larger than %d bytes", MaxFrontMatter)
	}
	if !utf8.Valid(text) {
		return errors.New("The YAML metadata is not valid UTF-8")
	}
	items, depth := 0, 0
	for _, c := range text {
		switch c {
		case '[', '{':
			depth++
			items++
		case ']', '}':
			depth--
		case '\n', ',', '?':
			items++
		}
		if depth > 1000 { // most brackets stand in quoted text, hence not maxDepth
			return fmt.Errorf("The YAML metadata nests deeper than %d levels", maxDepth)
		}
	}
	if items > maxItems {
		return fmt.Errorf("The YAML metadata has more than %d items", maxItems)
	}
	return nil
}

func yamlError(err error) error {
	msg, _, _ := strings.Cut(err.Error(), "\n")
	msg = strings.TrimPrefix(msg, "yaml: ")
	if strings.Contains(msg, "max depth") {
		msg = fmt.Sprintf("nested deeper than %d levels", maxDepth)
	}
	return fmt.Errorf("The YAML metadata cannot be read: %s", clip(msg, 300))
}

// keysOf lists the keys of the mapping that root has under name.
func keysOf(root *yaml.Node, name string) []string {
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != name {
			continue
		}
		node := resolveAlias(root.Content[i+1])
		var keys []string
		if node.Kind == yaml.MappingNode {
			for j := 0; j+1 < len(node.Content) && len(keys) < maxGatedFields; j += 2 {
				keys = append(keys, node.Content[j].Value)
			}
		}
		return keys
	}
	return nil
}

func resolveAlias(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

// walker turns nodes into values and counts what it makes, so that a small text cannot become a large tree.
type walker struct{ nodes, text, limit int }

// budget allows a text ten values per line and comma: ample when written out, little for aliases of aliases.
func budget(text []byte) int {
	items := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte(","))
	return min(maxNodes, 1000+10*items)
}

func (w *walker) value(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("The YAML metadata nests deeper than %d levels", maxDepth)
	}
	if w.nodes++; w.nodes > w.limit {
		return nil, fmt.Errorf("The YAML metadata expands to more than %d values", w.limit)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if n.Alias == nil {
			return nil, problemAt(n, "an alias names no anchor")
		}
		return w.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		return w.sequence(n, depth)
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.ScalarNode:
		if err := w.addText(n.Value); err != nil {
			return nil, err
		}
		return scalar(n)
	}
	return nil, nil
}

func (w *walker) addText(s string) error {
	if w.text += len(s); w.text > maxText {
		return fmt.Errorf("The YAML metadata expands to more than %d bytes", maxText)
	}
	return nil
}

func (w *walker) sequence(n *yaml.Node, depth int) (any, error) {
	out := make([]any, 0, len(n.Content))
	for _, c := range n.Content {
		v, err := w.value(c, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (w *walker) mapping(n *yaml.Node, depth int) (any, error) {
	out := make(map[string]any, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			merges = append(merges, v)
			continue
		}
		key, err := w.key(k)
		if err != nil {
			return nil, err
		}
		if _, dup := out[key]; dup {
			return nil, problemAt(k, fmt.Sprintf("the key %q is there twice", clip(key, 64)))
		}
		if out[key], err = w.value(v, depth+1); err != nil {
			return nil, err
		}
	}
	for _, m := range merges {
		if err := w.merge(out, m, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func isMerge(k *yaml.Node) bool {
	return k.Kind == yaml.ScalarNode && k.Value == "<<" && plain(k)
}

func (w *walker) key(n *yaml.Node) (string, error) {
	n = resolveAlias(n)
	if n.Kind != yaml.ScalarNode {
		return "", problemAt(n, "a key must be a plain value")
	}
	if len(n.Value) > maxKeyBytes {
		return "", problemAt(n, fmt.Sprintf("a key is longer than %d bytes", maxKeyBytes))
	}
	return n.Value, w.addText(n.Value)
}

// merge adds the keys of "<<" that are not there yet.
func (w *walker) merge(out map[string]any, n *yaml.Node, depth int) error {
	v, err := w.value(n, depth+1)
	if err != nil {
		return err
	}
	sources, ok := v.([]any)
	if !ok {
		sources = []any{v}
	}
	for _, s := range sources {
		m, ok := s.(map[string]any)
		if !ok {
			return problemAt(n, "only a mapping can be merged")
		}
		for k, v := range m {
			if _, there := out[k]; !there {
				out[k] = v
			}
		}
	}
	return nil
}

func problemAt(n *yaml.Node, what string) error {
	return fmt.Errorf("The YAML metadata cannot be read: line %d: %s", n.Line, what)
}

// clip shortens s to at most n bytes at a character's edge.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:n]), nil))
}
