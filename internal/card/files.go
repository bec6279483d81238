package card

import (
	"path"
	"strings"
)

// weightTags are the frameworks that a model's files speak of, in the order in which tags are shown.
var weightTags = []struct {
	tag   string
	match func(name string) bool
}{
	{"pytorch", func(n string) bool {
		return n == "pytorch_model.bin" || n == "pytorch_model.bin.index.json" || n == "adapter_model.bin" ||
			strings.HasPrefix(n, "pytorch_model-") && strings.HasSuffix(n, ".bin")
	}},
	{"tf", func(n string) bool { return n == "tf_model.h5" || n == "tf_model.h5.index.json" }},
	{"jax", func(n string) bool { return n == "flax_model.msgpack" || n == "flax_model.msgpack.index.json" }},
	{"rust", func(n string) bool { return n == "rust_model.ot" }},
	{"tflite", suffix(".tflite")},
	{"onnx", suffix(".onnx")},
	{"safetensors", suffix(".safetensors")},
	{"gguf", suffix(".gguf")},
	{"openvino", func(n string) bool { return strings.HasPrefix(n, "openvino_") && strings.HasSuffix(n, ".xml") }},
	{"coreml", func(n string) bool { return strings.HasSuffix(n, ".mlmodel") || strings.HasSuffix(n, ".mlmodelc") }},
	{"keras", func(n string) bool { return strings.HasSuffix(n, ".keras") || n == "keras_metadata.pb" }},
	{"nemo", suffix(".nemo")},
	{"joblib", suffix(".joblib")},
	{"tensorboard", func(n string) bool { return strings.Contains(n, ".tfevents.") }},
}

func suffix(s string) func(string) bool {
	return func(n string) bool { return strings.HasSuffix(n, s) }
}

// frameworks are the weight tags of a list of files.
func frameworks(files []string) []string {
	found := make([]bool, len(weightTags))
	for _, f := range files {
		name := path.Base(f)
		for i, w := range weightTags {
			found[i] = found[i] || w.match(name)
		}
	}
	var tags []string
	for i, w := range weightTags {
		if found[i] {
			tags = append(tags, w.tag)
		}
	}
	return tags
}

func hasFile(files []string, name string) bool {
	for _, f := range files {
		if f == name {
			return true
		}
	}
	return false
}

// dataFormats tells a dataset's format by the extensions of its files.
var dataFormats = map[string]string{
	".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet", ".arrow": "arrow",
	".txt": "text", ".tar": "webdataset", ".pdf": "pdffolder",
	".jpg": "imagefolder", ".jpeg": "imagefolder", ".png": "imagefolder", ".gif": "imagefolder", ".bmp": "imagefolder",
	".tif": "imagefolder", ".tiff": "imagefolder", ".webp": "imagefolder",
	".wav": "audiofolder", ".mp3": "audiofolder", ".flac": "audiofolder", ".ogg": "audiofolder", ".opus": "audiofolder", ".m4a": "audiofolder",
	".mp4": "videofolder", ".mkv": "videofolder", ".avi": "videofolder", ".mov": "videofolder", ".webm": "videofolder",
}

// notData are the files that describe a dataset and would be taken for its content.
var notData = set("dataset_infos.json", "dataset_info.json", "state.json", "metadata.json", "croissant.json", "LICENSE.txt",
	"license.txt", "requirements.txt", "README.txt")

// dataFormat is the format of most of the data files, and the alphabetically first of equals; empty when there are none.
func dataFormat(files []string) string {
	counts, best := map[string]int{}, ""
	for _, f := range files {
		name := path.Base(f)
		if notData[name] || strings.HasPrefix(name, ".") || strings.HasPrefix(f, ".") {
			continue
		}
		for _, z := range []string{".gz", ".zst", ".bz2", ".xz", ".lz4"} {
			name = strings.TrimSuffix(name, z)
		}
		if format := dataFormats[strings.ToLower(path.Ext(name))]; format != "" {
			counts[format]++
		}
	}
	for format, n := range counts {
		if best == "" || n > counts[best] || n == counts[best] && format < best {
			best = format
		}
	}
	return best
}
