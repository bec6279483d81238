package card

import (
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds on a repository's tags.
const (
	MaxTags     = 1000
	maxTagBytes = 256
)

// Facts are what tags follow from besides the card. Any of them may be missing.
type Facts struct {
	Files        []string // paths in the repository
	Config       []byte   // config.json of a model
	ChatTemplate bool     // the tokenizer or the GGUF file has one
	Extra        []string // further tags from elsewhere, such as doi: or region:
}

// Tags is the list that repository information shows and that `filter` searches: the same for the same input, without
// doubles, at most MaxTags.
func Tags(c *Card, repoType hub.RepoType, f Facts) []string {
	if c == nil {
		c = &Card{}
	}
	l := &tagList{seen: map[string]bool{}}
	switch repoType {
	case hub.Model:
		l.model(c, f)
	case hub.Dataset:
		l.dataset(c, f)
	case hub.Space:
		l.space(c)
	}
	l.add("", f.Extra...)
	return l.tags
}

type tagList struct {
	tags []string
	seen map[string]bool
}

// add appends prefix+value for each value that makes a tag. A tag that is too long is left out: half of it would be a
// different tag.
func (l *tagList) add(prefix string, values ...string) {
	for _, v := range values {
		v = strings.TrimSpace(v)
		tag := prefix + v
		if v == "" || len(tag) > maxTagBytes || len(l.tags) >= MaxTags || l.seen[tag] || strings.ContainsFunc(v, control) {
			continue
		}
		l.seen[tag] = true
		l.tags = append(l.tags, tag)
	}
}

func control(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }

func (l *tagList) model(c *Card, f Facts) {
	config := readModelConfig(f.Config)
	l.add("", LibraryName(c, f.Files, f.Config))
	l.add("", frameworks(f.Files)...)
	l.add("", config.modelType)
	l.add("", PipelineTag(c, f.Config, f.Files))
	l.add("", c.Tags...)
	if f.ChatTemplate {
		l.add("", "conversational")
	}
	if config.autoMap {
		l.add("", "custom_code")
	}
	l.add("", c.Languages...)
	l.add("dataset:", c.Datasets...)
	l.add("arxiv:", c.ArXiv...)
	l.add("base_model:", c.BaseModels...)
	l.add("base_model:"+c.relation(f.Files)+":", c.BaseModels...)
	l.add("license:", lower(c.Licenses)...)
	if len(c.ModelIndex) > 0 {
		l.add("", "model-index")
	}
	l.quantization(config)
}

// relation is how a model came from its base: what the card says, else what the files show.
func (c *Card) relation(files []string) string {
	switch {
	case relations[c.BaseRelation]:
		return c.BaseRelation
	case hasFile(files, "adapter_config.json"):
		return "adapter"
	case len(c.BaseModels) > 1:
		return "merge"
	}
	for _, tag := range frameworks(files) {
		if tag == "gguf" {
			return "quantized"
		}
	}
	return "finetune"
}

func (l *tagList) quantization(config modelConfig) {
	q := config.quantization
	switch {
	case q.flag("load_in_4bit") || q.number("bits") == 4:
		l.add("", "4-bit")
	case q.flag("load_in_8bit") || q.number("bits") == 8:
		l.add("", "8-bit")
	}
	l.add("", q.text("quant_method"))
}

func (l *tagList) dataset(c *Card, f Facts) {
	l.add("task_categories:", c.TaskCategories...)
	l.add("task_ids:", c.TaskIDs...)
	l.add("annotations_creators:", c.AnnotationCreators...)
	l.add("language_creators:", c.LanguageCreators...)
	l.add("multilinguality:", c.Multilinguality...)
	l.add("source_datasets:", c.SourceDatasets...)
	l.add("language:", c.Languages...)
	l.add("license:", lower(c.Licenses)...)
	l.add("size_categories:", c.sizeCategories()...)
	if format := dataFormat(f.Files); format != "" {
		l.add("format:", format)
		l.add("modality:", c.modalities(format)...)
		l.add("library:", libraries(format)...)
	}
	l.add("arxiv:", c.ArXiv...)
	l.add("", c.Tags...)
}

func libraries(format string) []string {
	switch format {
	case "csv", "json", "parquet":
		return []string{"datasets", "pandas", "polars"}
	case "webdataset":
		return []string{"datasets", "webdataset"}
	}
	return []string{"datasets"}
}

func (l *tagList) space(c *Card) {
	l.add("", c.Space.SDK)
	l.add("", c.Tags...)
	l.add("license:", lower(c.Licenses)...)
	l.add("model:", c.Space.Models...)
	l.add("dataset:", c.Datasets...)
}

func lower(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.ToLower(s)
	}
	return out
}
