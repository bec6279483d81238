package card

import (
	"slices"

	"github.com/cairnhub/cairn/internal/hub"
)

// Card is what a README says about its repository. Data is the whole front matter; the fields are the parts that Cairn
// itself uses, in the shape that most cards have, and empty where the card has them wrong.
type Card struct {
	Data map[string]any // the Hub's cardData: string, bool, int64, float64, nil, []any, map[string]any

	Licenses     []string
	LicenseName  string
	LicenseLink  string
	Languages    []string
	Tags         []string
	Thumbnail    string
	ArXiv        []string // ids found in the text below the front matter, in order
	Gated        Gated
	PipelineTag  string
	LibraryName  string
	BaseModels   []string
	BaseRelation string // finetune, adapter, quantized, merge; empty when the card does not say
	NewVersion   string
	Datasets     []string
	Metrics      []string
	ModelIndex   []any

	Configs            []any // dataset configurations: config_name, data_files …
	PrettyName         string
	TaskCategories     []string
	TaskIDs            []string
	SizeCategories     []string
	AnnotationCreators []string
	LanguageCreators   []string
	Multilinguality    []string
	SourceDatasets     []string

	Space SpaceCard
}

// SpaceCard is a Space's configuration.
type SpaceCard struct {
	Title, Emoji, ColorFrom, ColorTo string
	ShortDescription                 string
	SDK, SDKVersion, PythonVersion   string
	AppFile, AppBuildCommand         string
	AppPort                          int64 // 0 when the card does not say
	BasePath                         string
	Pinned, FullWidth                bool
	Models                           []string
}

// License is the first licence, or the empty string.
func (c *Card) License() string {
	if c == nil || len(c.Licenses) == 0 {
		return ""
	}
	return c.Licenses[0]
}

// Parse reads a README. The card is never nil: whatever is wrong with the front matter, the rest of it is still there.
// Errors are what a commit must not contain; warnings are worth showing.
func Parse(text []byte, repoType hub.RepoType) (*Card, []Problem, []Problem) {
	yaml, body, ok := Split(text)
	v := &validator{}
	data := map[string]any{}
	var order []string
	switch {
	case !ok:
		v.warn("The repository card has no YAML metadata. Add a block between two lines of --- at the top of README.md.")
	default:
		t, err := decodeYAML(yaml)
		if err != nil {
			v.fail("%s", err)
			break
		}
		data, order = t.data, t.gatedFields
		if len(data) == 0 {
			v.warn("The YAML metadata of the repository card is empty.")
		}
	}
	c := fromData(data, order)
	c.ArXiv = findArXiv(body)
	if len(data) > 0 {
		v.check(c.Data, repoType)
	}
	return c, v.errors, v.warnings
}

func fromData(data map[string]any, gatedOrder []string) *Card {
	d := dict(data)
	c := &Card{
		Data: data, Licenses: d.texts("license"), LicenseName: d.text("license_name"), LicenseLink: d.text("license_link"),
		Languages: slices.Concat(d.texts("language"), d.texts("languages")), Tags: d.texts("tags"), Thumbnail: d.text("thumbnail"),
		Gated: gated(d, gatedOrder), PipelineTag: d.text("pipeline_tag"), LibraryName: d.text("library_name"),
		BaseModels: d.texts("base_model"), BaseRelation: d.text("base_model_relation"), NewVersion: d.text("new_version"),
		Datasets: d.texts("datasets"), Metrics: d.texts("metrics"), ModelIndex: d.list("model-index"),
		Configs: d.list("configs"), PrettyName: d.text("pretty_name"), TaskCategories: d.texts("task_categories"),
		TaskIDs: d.texts("task_ids"), SizeCategories: d.texts("size_categories"), AnnotationCreators: d.texts("annotations_creators"),
		LanguageCreators: d.texts("language_creators"), Multilinguality: d.texts("multilinguality"), SourceDatasets: d.texts("source_datasets"),
	}
	c.Space = SpaceCard{
		Title: d.text("title"), Emoji: d.text("emoji"), ColorFrom: d.text("colorFrom"), ColorTo: d.text("colorTo"),
		ShortDescription: d.text("short_description"), SDK: d.text("sdk"), SDKVersion: d.text("sdk_version"),
		PythonVersion: d.text("python_version"), AppFile: d.text("app_file"), AppBuildCommand: d.text("app_build_command"),
		AppPort: d.number("app_port"), BasePath: d.text("base_path"), Pinned: d.flag("pinned"), FullWidth: d.flag("fullWidth"),
		Models: d.texts("models"),
	}
	return c
}
