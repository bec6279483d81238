package card

import (
	"fmt"
	"strings"
)

var sizeIDs = []string{"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B",
	"10B<n<100B", "100B<n<1T", "n>1T"}

var sizes = set(sizeIDs...)

func (v *validator) dataset(d dict) {
	v.text(d, "pretty_name")
	for _, key := range []string{"task_ids", "annotations_creators", "language_creators", "multilinguality", "source_datasets"} {
		v.eachString(d, key, func(string, string) {})
	}
	v.eachString(d, "task_categories", func(place, s string) {
		if pipelines[s] == "" && s != "other" {
			v.warn("%s %q is not one of the known tasks: %s", place, clip(s, 64), strings.Join(sortedTasks(), ", "))
		}
	})
	v.eachString(d, "size_categories", func(place, s string) {
		if !sizes[s] {
			v.warn("%s %q is not one of %s", place, clip(s, 64), strings.Join(sizeIDs, ", "))
		}
	})
	switch d["dataset_info"].(type) {
	case nil, []any, map[string]any:
	default:
		v.fail(`"dataset_info" must be an object or an array of objects`)
	}
	v.configs(d)
}

func (v *validator) configs(d dict) {
	list, ok := d["configs"].([]any)
	if !ok {
		if d["configs"] != nil {
			v.fail(`"configs" must be an array`)
		}
		return
	}
	names, defaults := map[string]bool{}, 0
	for i, c := range list {
		place := fmt.Sprintf("configs[%d]", i)
		cd, ok := c.(map[string]any)
		if !ok {
			v.fail("%q must be an object", place)
			continue
		}
		name := v.configName(place, cd)
		if names[name] {
			v.fail(`"%s.config_name" %q is there twice`, place, clip(name, 64))
		}
		names[name] = true
		v.flag(cd, "default")
		if dict(cd).flag("default") {
			defaults++
		}
		v.dataFiles(place+".data_files", cd["data_files"])
	}
	if defaults > 1 {
		v.fail(`only one of "configs" can be the default`)
	}
}

func (v *validator) configName(place string, d dict) string {
	name, ok := asText(d["config_name"])
	switch {
	case d["config_name"] == nil:
		v.fail(`"%s.config_name" is required`, place)
	case !ok || name == "" || len(name) > 256:
		v.fail(`"%s.config_name" must be a string of 1 to 256 bytes`, place)
	case strings.ContainsAny(name, "<>:/\\|?*"):
		v.fail(`"%s.config_name" must not contain any of <>:/\|?*`, place)
	}
	return name
}

// dataFiles accepts a pattern, a list of patterns, a list of {split, path} or a mapping of splits to patterns.
func (v *validator) dataFiles(place string, x any) {
	switch x := x.(type) {
	case nil, string:
	case []any:
		for i, e := range x {
			v.dataFile(fmt.Sprintf("%s[%d]", place, i), e)
		}
	case map[string]any:
		for _, split := range sortedKeys(x) {
			v.patterns(place+"."+clip(split, 64), x[split])
		}
	default:
		v.fail("%q must be a path or an array", place)
	}
}

func (v *validator) dataFile(place string, x any) {
	switch x := x.(type) {
	case string:
	case map[string]any:
		if _, ok := asText(x["split"]); !ok {
			v.fail(`"%s.split" must be a string`, place)
		}
		v.patterns(place+".path", x["path"])
	default:
		v.fail("%q must be a path or an object with split and path", place)
	}
}

func (v *validator) patterns(place string, x any) {
	switch x := x.(type) {
	case string:
		return
	case []any:
		for _, e := range x {
			if _, ok := e.(string); !ok {
				v.fail("%q must be an array of strings", place)
				return
			}
		}
		return
	}
	v.fail("%q must be a string or an array of strings", place)
}
