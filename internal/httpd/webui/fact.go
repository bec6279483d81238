package webui

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	factsShown = 30
	factKey    = 60  // runes
	factValue  = 300 // runes
	factItems  = 30
)

// fact is a line of a card's front matter.
type fact struct{ Key, Value string }

// factFirst are the keys that most people look for.
var factFirst = []string{
	"license", "license_name", "pretty_name", "title", "language", "pipeline_tag", "task_categories", "library_name", "sdk", "base_model",
	"base_model_relation", "datasets", "metrics", "size_categories",
}

// factsOf shows a front matter as a short table; tags stand in the page's head already.
func factsOf(data map[string]any) (facts []fact, more int) {
	keys := slices.Sorted(maps.Keys(data))
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	for _, k := range keys {
		v := factText(data[k])
		if v == "" || k == "tags" {
			continue
		}
		if len(facts) == factsShown {
			more++
			continue
		}
		facts = append(facts, fact{clip(k, factKey), clip(v, factValue)})
	}
	return facts, more
}

func rank(key string) int {
	if i := slices.Index(factFirst, key); i >= 0 {
		return i
	}
	return len(factFirst)
}

// factText writes a value in one line: a list of words as words, what is nested as JSON.
func factText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any:
		return asJSON(v)
	case []any:
		var words []string
		for i, item := range v {
			if i == factItems {
				words = append(words, "…")
				break
			}
			switch item := item.(type) {
			case map[string]any, []any:
				words = append(words, asJSON(item))
			default:
				words = append(words, factText(item))
			}
		}
		return strings.Join(words, ", ")
	}
	return fmt.Sprint(v)
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
