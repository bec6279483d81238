package card

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cairnhub/cairn/internal/hub"
)

func mustParse(t *testing.T, text string, repoType hub.RepoType) *Card {
	t.Helper()
	c, errs, _ := Parse([]byte(text), repoType)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return c
}

func TestModelCard(t *testing.T) {
	c := mustParse(t, modelCard, hub.Model)
	if c.License() != "apache-2.0" || !slices.Equal(c.Languages, []string{"en", "no"}) || c.Data["date"] != "2024-05-01T00:00:00.000Z" {
		t.Errorf("got %+v", c)
	}
	want := []GatedField{{Name: "Name", Type: "text"}, {Name: "Country", Type: "country"},
		{Name: "I want to use this model for", Type: "select", Options: []string{"Research", "Other"}},
		{Name: "I agree to the terms", Type: "checkbox"}}
	if d := cmp.Diff(want, c.Gated.Fields); d != "" {
		t.Error(d)
	}
	tags := Tags(c, hub.Model, Facts{
		Files:  []string{"README.md", "config.json", "model-00001-of-00002.safetensors", "pytorch_model-00001-of-00002.bin"},
		Config: []byte(`{"architectures":["MistralForCausalLM"],"model_type":"mistral","quantization_config":{"bits":4,"quant_method":"awq"}}`),
		Extra:  []string{"region:us"}, ChatTemplate: true,
	})
	wantTags := strings.Fields(`transformers pytorch safetensors mistral text-generation chat dpo conversational en no
		dataset:northwind/helpful-dialogues arxiv:2305.18290 arxiv:2310.06825 base_model:northwind/Fjord-7B
		base_model:finetune:northwind/Fjord-7B license:apache-2.0 model-index 4-bit awq region:us`)
	if d := cmp.Diff(wantTags, tags); d != "" {
		t.Error(d)
	}
}

func TestDatasetCard(t *testing.T) {
	c := mustParse(t, datasetCard, hub.Dataset)
	tags := Tags(c, hub.Dataset, Facts{Files: []string{".gitattributes", "README.md", "plain_text/train-0.parquet", "plain_text/validation-0.parquet", "notes.txt"}})
	want := strings.Fields(`task_categories:question-answering task_ids:extractive-qa annotations_creators:crowdsourced
		multilinguality:monolingual source_datasets:original language:en language:zh license:cc-by-sa-4.0
		size_categories:10K<n<100K format:parquet modality:text library:datasets library:pandas library:polars arxiv:1606.05250`)
	if d := cmp.Diff(want, tags); d != "" {
		t.Error(d)
	}
	delete(c.Data, "size_categories")
	c.SizeCategories = nil
	if got := c.sizeCategories(); !slices.Equal(got, []string{"10K<n<100K"}) {
		t.Error(got)
	}
}

func TestSpaceCard(t *testing.T) {
	c := mustParse(t, spaceCard, hub.Space)
	if c.Space.SDK != "gradio" || c.Space.SDKVersion != "5.1" || c.Space.Emoji != "🚢" || c.Space.Models[0] != "northwind/Fjord-7B" {
		t.Errorf("got %+v", c.Space)
	}
}

func TestValidation(t *testing.T) {
	for _, tt := range []struct {
		repoType hub.RepoType
		yaml     string
		want     string // part of an error; empty for none
	}{
		{hub.Model, "license: mit", ""},
		{hub.Model, "license: [mit, apache-2.0]", ""},
		{hub.Model, "license: not-a-license", `"license" must be one of`},
		{hub.Model, "license: 3", `"license" must be a string`},
		{hub.Model, "language: no", ""},
		{hub.Model, "language: English", `"language" must be an ISO`},
		{hub.Model, "language: [en, zh-CN]", `"language[1]" must be an ISO`},
		{hub.Model, "language: multilingual", ""},
		{hub.Model, "tags: [a, 1]", `"tags[1]" must be a string`},
		{hub.Model, "tags: a", `"tags" must be an array`},
		{hub.Model, "base_model: ./outputs/run-1", `"base_model" with value "./outputs/run-1"`},
		{hub.Model, "base_model: gpt2", ""},
		{hub.Model, "base_model: a/b/c", `is not valid`},
		{hub.Model, "base_model_relation: cousin", `"base_model_relation" must be`},
		{hub.Model, "datasets: [squad, 'x y']", `"datasets[1]"`},
		{hub.Model, "model-index: {}", `"model-index" must be an array`},
		{hub.Model, "model-index: [{name: a, results: [{task: {type: x}, dataset: {type: y}, metrics: []}]}]", `results[0].dataset.name" is required`},
		{hub.Model, "model-index: [{name: a, results: [{task: {type: x}, metrics: [{type: acc}]}]}]", `metrics[0].value" is required`},
		{hub.Model, "model-index: [{results: []}]", `"model-index[0].name" is required`},
		{hub.Model, "extra_gated_fields: {A: textarea}", `"extra_gated_fields.A" must be`},
		{hub.Model, "extra_gated_fields: [A]", `"extra_gated_fields" must be a mapping`},
		{hub.Model, "my_own_key: {a: [1, 2]}", ""},
		{hub.Model, "a: 1\na: 2", `twice`},
		{hub.Model, "a: [", `cannot be read`},
		{hub.Model, "- a\n- b", `must be a mapping`},
		{hub.Model, "a: !!python/object:os.system x", `unknown`},
		{hub.Dataset, "configs: [{data_files: x}]", `"configs[0].config_name" is required`},
		{hub.Dataset, "configs: [{config_name: a, data_files: 3}]", `"configs[0].data_files" must be`},
		{hub.Dataset, "configs: [{config_name: a, data_files: [{split: train}]}]", `data_files[0].path" must be`},
		{hub.Dataset, "configs: [{config_name: a}, {config_name: a}]", `is there twice`},
		{hub.Dataset, "configs: [{config_name: a, default: true}, {config_name: b, default: true}]", `only one`},
		{hub.Dataset, "dataset_info: 3", `"dataset_info" must be`},
		{hub.Dataset, "sdk: 3", ""},
		{hub.Space, "sdk: gradio", ""},
		{hub.Space, "sdk: flask", `"sdk" must be one of gradio`},
		{hub.Space, "sdk: docker\napp_port: 99999", `"app_port" must be`},
		{hub.Space, "sdk: static\ncolorFrom: teal", `"colorFrom" must be one of`},
		{hub.Space, "sdk: static\npinned: maybe", `"pinned" must be true or false`},
		{hub.Space, "sdk: static\nshort_description: " + strings.Repeat("x", 61), `at most 60`},
	} {
		_, errs, _ := Parse([]byte("---\n"+tt.yaml+"\n---\n"), tt.repoType)
		text, _ := json.Marshal(errs)
		got := strings.ReplaceAll(string(text), `\"`, `"`)
		if (tt.want == "") != (len(errs) == 0) || !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %s, want %q", tt.yaml, got, tt.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"# no metadata":                          "no YAML metadata",
		"":                                       "no YAML metadata",
		"---\n---\n":                             "is empty",
		"---\npipeline_tag: mind-reading\n---\n": "not one of the known tasks",
		"---\nlicense: other\n---\n":             "license_name",
		"---\nlicense: mit\nno closing fence\n":  "no YAML metadata",
		"---\npipeline_tag: mind-reading\n--- \n# x": "mind-reading",
	} {
		c, errs, warnings := Parse([]byte(text), hub.Model)
		if c == nil || len(errs) > 0 || len(warnings) != 1 || !strings.Contains(warnings[0].Message, want) {
			t.Errorf("%q: got %v, %v", text, errs, warnings)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		in, yaml, body string
		ok             bool
	}{
		{"---\na: 1\n---\nbody", "a: 1\n", "body", true},
		{"\ufeff---\r\na: 1\r\n---\r\nbody", "a: 1\r\n", "body", true},
		{"\n\n---\na: 1\n---", "a: 1\n", "", true},
		{"---\n---\n", "", "", true},
		{"----\na: 1\n---\n", "", "----\na: 1\n---\n", false},
		{"---\na: 1\n----\n", "", "---\na: 1\n----\n", false},
		{"# Title\n---\na: 1\n---\n", "", "# Title\n---\na: 1\n---\n", false},
	} {
		yaml, body, ok := Split([]byte(tt.in))
		if string(yaml) != tt.yaml || string(body) != tt.body || ok != tt.ok {
			t.Errorf("%q: got %q, %q, %v", tt.in, yaml, body, ok)
		}
	}
}

func TestTagBounds(t *testing.T) {
	c := &Card{Tags: []string{"ok", "ok", " ", strings.Repeat("x", 300), "new\nline"}}
	for i := range 3000 {
		c.Tags = append(c.Tags, fmt.Sprint("tag-", i))
	}
	tags := Tags(c, hub.Model, Facts{})
	if len(tags) != MaxTags || tags[0] != "ok" || tags[1] != "tag-0" {
		t.Errorf("got %d: %q", len(tags), tags[:3])
	}
	if got := Tags(nil, hub.Space, Facts{}); len(got) != 0 {
		t.Error(got)
	}
}

func TestTagsAreDistinctAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &Card{Tags: rapid.SliceOf(rapid.String()).Draw(t, "tags"), Licenses: rapid.SliceOf(rapid.String()).Draw(t, "licenses"),
			BaseModels: rapid.SliceOf(rapid.String()).Draw(t, "bases"), Data: map[string]any{}}
		facts := Facts{Files: rapid.SliceOf(rapid.SampledFrom([]string{"a.csv", "b.json", "c.gguf", "modules.json"})).Draw(t, "files")}
		for _, repoType := range hub.RepoTypes {
			tags := Tags(c, repoType, facts)
			if !slices.Equal(tags, Tags(c, repoType, facts)) {
				t.Fatal("two runs differ")
			}
			seen := map[string]bool{}
			for _, tag := range tags {
				if seen[tag] || len(tag) > maxTagBytes || tag == "" {
					t.Fatalf("bad tag %q", tag)
				}
				seen[tag] = true
			}
		}
	})
}

func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		tag      string
		repoType hub.RepoType
		want     Tag
	}{
		{"license:mit", hub.Model, Tag{"license:mit", "mit", "license", ""}},
		{"en", hub.Model, Tag{"en", "English", "language", ""}},
		{"nlp", hub.Model, Tag{"nlp", "nlp", "other", ""}},
		{"text-to-image", hub.Model, Tag{"text-to-image", "Text-to-Image", "pipeline_tag", "cv"}},
		{"pytorch", hub.Model, Tag{"pytorch", "PyTorch", "library", ""}},
		{"dataset:a/b", hub.Model, Tag{"dataset:a/b", "a/b", "dataset", ""}},
		{"task_categories:question-answering", hub.Dataset, Tag{"task_categories:question-answering", "Question Answering", "task_categories", "nlp"}},
		{"language:nb", hub.Dataset, Tag{"language:nb", "Norwegian Bokmål", "language", ""}},
		{"library:pandas", hub.Dataset, Tag{"library:pandas", "pandas", "library", ""}},
		{"en", hub.Dataset, Tag{"en", "en", "other", ""}},
	} {
		if got := Describe(tt.tag, tt.repoType); got != tt.want {
			t.Errorf("got %+v, want %+v", got, tt.want)
		}
		if !slices.Contains(TagTypes(tt.repoType), tt.want.Type) {
			t.Errorf("%s is no group", tt.want.Type)
		}
	}
}

func TestPipelineAndLibrary(t *testing.T) {
	for _, tt := range []struct {
		config, files, pipeline, library string
	}{
		{`{"architectures":["LlamaForCausalLM"]}`, "config.json", "text-generation", "transformers"},
		{`{"architectures":["GPT2LMHeadModel"]}`, "config.json", "text-generation", "transformers"},
		{`{"architectures":["BertForMaskedLM"]}`, "config.json", "fill-mask", "transformers"},
		{`{"architectures":["RobertaForSequenceClassification"]}`, "config.json", "text-classification", "transformers"},
		{`{"architectures":["WhisperForConditionalGeneration"]}`, "config.json", "automatic-speech-recognition", "transformers"},
		{`{"architectures":["Qwen2_5_VLForConditionalGeneration"]}`, "config.json", "image-text-to-text", "transformers"},
		{`{"architectures":["T5ForConditionalGeneration"]}`, "config.json", "text2text-generation", "transformers"},
		{`{"architectures":["BertModel"]}`, "modules.json config.json", "sentence-similarity", "sentence-transformers"},
		{`{"architectures":["BertModel"]}`, "config.json", "feature-extraction", "transformers"},
		{``, "model.Q4_K_M.gguf", "", "gguf"},
		{``, "model_index.json unet/model.safetensors", "", "diffusers"},
		{`{"architectures":"x","model_type":[1]}`, "config.json", "", ""},
		{`[[[`, "config.json", "", ""},
	} {
		files := strings.Fields(tt.files)
		if got := PipelineTag(nil, []byte(tt.config), files); got != tt.pipeline {
			t.Errorf("%s: pipeline %q, want %q", tt.config, got, tt.pipeline)
		}
		if got := LibraryName(nil, files, []byte(tt.config)); got != tt.library {
			t.Errorf("%s: library %q, want %q", tt.config, got, tt.library)
		}
	}
}

func TestConfig(t *testing.T) {
	got := Config([]byte(`{"architectures":["A"],"model_type":"a","vocab_size":9,"quantization_config":{"bits":4},
		"tokenizer_config":{"bos_token":{"content":"<s>"},"eos_token":"</s>","chat_template":"{{x}}","other":1}}`))
	text, _ := json.Marshal(got)
	want := `{"architectures":["A"],"model_type":"a","quantization_config":{"bits":4},` +
		`"tokenizer_config":{"bos_token":"\u003cs\u003e","chat_template":"{{x}}","eos_token":"\u003c/s\u003e"}}`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
	deep := `{"model_type":"a","quantization_config":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`
	if got := Config([]byte(deep)); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if Config(nil) != nil || Config([]byte(`{}`)) != nil || Config(make([]byte, maxConfig+1)) != nil {
		t.Error("expected nil")
	}
}
