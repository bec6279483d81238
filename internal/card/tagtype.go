package card

import (
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// Tag is one entry of the tags-by-type listings.
type Tag struct {
	ID      string `json:"id"`
	Label   string `json:"label"`
	Type    string `json:"type"`
	SubType string `json:"subType,omitempty"`
}

// modelTypes and datasetTypes are the groups of the listings, in the Hub's words.
var (
	modelTypes = []string{"pipeline_tag", "library", "dataset", "bucket", "language", "license", "arxiv", "doi", "region",
		"deploy", "other"}
	datasetTypes = []string{"benchmark", "task_categories", "size_categories", "modality", "format", "library", "language",
		"license", "arxiv", "doi", "region", "other", "task_ids", "annotations_creators", "language_creators", "multilinguality",
		"source_datasets"}
)

// TagTypes lists the groups that a listing of a repository type can have.
func TagTypes(repoType hub.RepoType) []string {
	if repoType == hub.Dataset {
		return append([]string(nil), datasetTypes...)
	}
	return append([]string(nil), modelTypes...)
}

var (
	modelPrefixes   = set("dataset", "bucket", "license", "arxiv", "doi", "region", "deploy")
	datasetPrefixes = set(datasetTypes...)
)

// libraryNames are the libraries and weight formats whose tags form the group "library".
var libraryNames = parseNames(`pytorch PyTorch|tf TensorFlow|jax JAX|transformers Transformers|diffusers Diffusers|safetensors Safetensors
onnx ONNX|gguf GGUF|transformers.js Transformers.js|mlx MLX|keras Keras|timm timm|peft PEFT|sentence-transformers sentence-transformers
setfit SetFit|flair Flair|spacy spaCy|nemo NeMo|espnet ESPnet|speechbrain speechbrain|sklearn Scikit-learn|joblib Joblib|fastai fastai
stable-baselines3 stable-baselines3|ml-agents ml-agents|adapter-transformers Adapters|allennlp AllenNLP|asteroid Asteroid
open_clip OpenCLIP|openvino OpenVINO|coreml Core ML|tflite TF Lite|rust Rust|tensorboard TensorBoard|paddlenlp paddlenlp
paddlepaddle PaddlePaddle|pyannote-audio pyannote.audio|stanza Stanza|fasttext fastText|bertopic BERTopic|span-marker SpanMarker
unity-sentis unity-sentis|llamafile llamafile|executorch ExecuTorch|lerobot LeRobot|tf-keras TF-Keras|k2 K2|mlx-lm MLX LM
vllm vLLM|datasets Datasets|pandas pandas|polars Polars|dask Dask|webdataset WebDataset|mlcroissant Croissant|argilla Argilla
distilabel Distilabel|fiftyone FiftyOne`)

// Type is the group of a tag in the listing of a repository type.
func Type(tag string, repoType hub.RepoType) string {
	prefix, _, prefixed := strings.Cut(tag, ":")
	if repoType == hub.Dataset {
		if prefixed && prefix != "other" && datasetPrefixes[prefix] {
			return prefix
		}
		return "other"
	}
	switch {
	case prefixed && modelPrefixes[prefix]:
		return prefix
	case pipelines[tag] != "":
		return "pipeline_tag"
	case libraryNames[tag] != "":
		return "library"
	case languageNames[tag] != "":
		return "language"
	}
	return "other"
}

// Describe is a tag as the listings show it.
func Describe(tag string, repoType hub.RepoType) Tag {
	t := Tag{ID: tag, Type: Type(tag, repoType), Label: tag}
	value := strings.TrimPrefix(tag, t.Type+":")
	t.Label = value
	switch t.Type {
	case "pipeline_tag", "task_categories":
		t.Label, t.SubType = taskLabel(value), pipelines[value]
	case "library":
		if name := libraryNames[value]; name != "" {
			t.Label = name
		}
	case "language":
		if name := languageNames[value]; name != "" {
			t.Label = name
		}
	case "modality":
		t.Label = taskLabel(value)
	}
	return t
}

// taskLabel writes an id as a title: text-to-image is Text-to-Image.
func taskLabel(id string) string {
	words := strings.Split(id, "-")
	between := " "
	for i, w := range words {
		switch {
		case w == "to" || w == "2":
			between = "-"
		case w == "ml" || w == "3d":
			words[i] = strings.ToUpper(w)
		case w != "" && w[0] < 0x80:
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, between)
}
