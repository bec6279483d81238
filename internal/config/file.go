package config

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// pair is one line of the file.
type pair struct {
	key   string
	value string
	line  int
}

// parseFile reads a flat YAML mapping of names to scalars and lists of scalars.
func parseFile(data []byte) ([]pair, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil // nothing but comments
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, errors.New("write one setting per line: name: value")
	}
	var pairs []pair
	seen := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		k, v := top.Content[i], top.Content[i+1]
		if first := seen[k.Value]; first > 0 {
			return nil, fmt.Errorf("line %d: %q stands already on line %d", k.Line, k.Value, first)
		}
		seen[k.Value] = k.Line
		value, err := scalar(v)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", k.Line, k.Value, err)
		}
		pairs = append(pairs, pair{k.Value, value, k.Line})
	}
	return pairs, nil
}

func scalar(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", nil
		}
		return n.Value, nil
	case yaml.SequenceNode:
		var items []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode || strings.Contains(c.Value, ",") {
				return "", errors.New("a list holds plain values without commas")
			}
			items = append(items, c.Value)
		}
		return strings.Join(items, ","), nil
	}
	return "", errors.New("settings are not nested: write the whole name, as cairn config print shows it")
}
