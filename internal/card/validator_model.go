package card

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var repoName = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$`)

// validRepo accepts ns/name and, for the oldest repositories, a name alone.
func validRepo(s string) bool {
	parts := strings.Split(s, "/")
	if len(s) > 193 || len(parts) > 2 || strings.Contains(s, "--") || strings.Contains(s, "..") {
		return false
	}
	for _, p := range parts {
		if !repoName.MatchString(p) {
			return false
		}
	}
	return true
}

func sortedKeys(d dict) []string { return slices.Sorted(maps.Keys(d)) }

func (v *validator) model(d dict) {
	v.text(d, "pipeline_tag")
	if t := d.text("pipeline_tag"); t != "" && pipelines[t] == "" {
		v.warn(`"pipeline_tag" %q is not one of the known tasks: %s`, clip(t, 64), strings.Join(sortedTasks(), ", "))
	}
	v.text(d, "library_name")
	v.repos(d, "base_model", "model")
	v.repos(d, "datasets", "dataset")
	v.repos(d, "new_version", "model")
	v.eachString(d, "metrics", func(string, string) {})
	v.baseRelation(d)
	v.modelIndex(d)
}

func (v *validator) repos(d dict, key, kind string) {
	v.eachString(d, key, func(place, s string) {
		if !validRepo(s) {
			v.fail("%s with value %q is not valid: write the id of a %s, such as namespace/name", place, clip(s, 128), kind)
		}
	})
}

var relations = set("finetune", "adapter", "quantized", "merge")

func (v *validator) baseRelation(d dict) {
	v.text(d, "base_model_relation")
	if r := d.text("base_model_relation"); r != "" && !relations[r] {
		v.fail(`"base_model_relation" must be finetune, adapter, quantized or merge, not %q`, clip(r, 64))
	}
}

func (v *validator) modelIndex(d dict) {
	switch list := d["model-index"].(type) {
	case nil:
	case []any:
		for i, m := range list {
			v.indexedModel(fmt.Sprintf("model-index[%d]", i), m)
		}
	default:
		v.fail(`"model-index" must be an array`)
	}
}

func (v *validator) indexedModel(place string, m any) {
	d, ok := m.(map[string]any)
	if !ok {
		v.fail("%q must be an object", place)
		return
	}
	v.required(place, d, "name")
	if d["results"] == nil {
		return
	}
	results, ok := d["results"].([]any)
	if !ok {
		v.fail(`"%s.results" must be an array`, place)
	}
	for i, r := range results {
		v.result(fmt.Sprintf("%s.results[%d]", place, i), r)
	}
}

func (v *validator) result(place string, r any) {
	if len(v.errors) >= maxProblems {
		return
	}
	d, ok := r.(map[string]any)
	if !ok {
		v.fail("%q must be an object", place)
		return
	}
	v.part(place+".task", d["task"], "type")
	if d["dataset"] != nil {
		v.part(place+".dataset", d["dataset"], "type", "name")
	}
	metrics, ok := d["metrics"].([]any)
	if !ok {
		v.fail(`"%s.metrics" must be an array`, place)
	}
	for i, m := range metrics {
		at := fmt.Sprintf("%s.metrics[%d]", place, i)
		v.part(at, m, "type")
		if md, ok := m.(map[string]any); ok {
			if _, there := md["value"]; !there {
				v.fail(`"%s.value" is required`, at)
			}
		}
	}
}

// part checks an object that must have some strings.
func (v *validator) part(place string, x any, keys ...string) {
	d, ok := x.(map[string]any)
	if !ok {
		v.fail("%q must be an object", place)
		return
	}
	for _, key := range keys {
		v.required(place, d, key)
	}
}

func (v *validator) required(place string, d dict, key string) {
	switch s := d[key].(type) {
	case nil:
		v.fail(`"%s.%s" is required`, place, key)
	case string:
		if s == "" {
			v.fail(`"%s.%s" is not allowed to be empty`, place, key)
		}
	default:
		v.fail(`"%s.%s" must be a string`, place, key)
	}
}
