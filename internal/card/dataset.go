package card

import "math"

// infos are the descriptions of a dataset's configurations that its card carries.
func (c *Card) infos() []dict {
	switch v := c.Data["dataset_info"].(type) {
	case map[string]any:
		return []dict{v}
	case []any:
		var out []dict
		for _, e := range v[:min(len(v), maxList)] {
			if m, ok := e.(map[string]any); ok {
				out = append(out, m)
			}
		}
		return out
	}
	return nil
}

// sizeCategories are those of the card, or the one that its numbers of examples add up to.
func (c *Card) sizeCategories() []string {
	if len(c.SizeCategories) > 0 {
		return c.SizeCategories
	}
	total := 0.0
	for _, info := range c.infos() {
		for _, s := range info.list("splits") {
			if m, ok := s.(map[string]any); ok {
				total += math.Max(0, float64(dict(m).number("num_examples")))
			}
		}
	}
	if total == 0 {
		return nil
	}
	limit := 1e3
	for _, id := range sizeIDs[:len(sizeIDs)-1] {
		if total < limit {
			return []string{id}
		}
		limit *= 10
	}
	return sizeIDs[len(sizeIDs)-1:]
}

var folderModality = map[string]string{"imagefolder": "image", "audiofolder": "audio", "videofolder": "video",
	"pdffolder": "document", "text": "text"}

// modalities follow from the format, or from the columns that the card lists.
func (c *Card) modalities(format string) []string {
	if m := folderModality[format]; m != "" {
		return []string{m}
	}
	found := map[string]bool{}
	for _, info := range c.infos() {
		for _, f := range info.list("features") {
			if m, ok := f.(map[string]any); ok {
				found[columnModality(m)] = true
			}
		}
	}
	if found["tabular"] && (found["text"] || found["image"] || found["audio"] || found["video"]) {
		found["tabular"] = false // numbers beside a text are labels and keys
	}
	var out []string
	for _, m := range []string{"audio", "image", "tabular", "text", "video"} {
		if found[m] {
			out = append(out, m)
		}
	}
	return out
}

func columnModality(column dict) string {
	switch t := column.text("dtype"); t {
	case "string", "large_string":
		return "text"
	case "image", "audio", "video":
		return t
	case "float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint32", "uint64":
		return "tabular"
	}
	return ""
}
