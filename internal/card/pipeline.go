package card

import (
	"encoding/json"
	"strings"
)

// architectureTasks are the endings of an architecture's name by the task that such a model serves; the first that
// matches counts, so longer endings come first.
var architectureTasks = []struct{ ending, task string }{
	{"ForTokenClassification", "token-classification"},
	{"ForAudioClassification", "audio-classification"},
	{"ForVideoClassification", "video-classification"},
	{"ForImageClassification", "image-classification"},
	{"ForImageClassificationWithTeacher", "image-classification"},
	{"ForZeroShotImageClassification", "zero-shot-image-classification"},
	{"ForZeroShotObjectDetection", "zero-shot-object-detection"},
	{"ForSequenceClassification", "text-classification"},
	{"ForMultipleChoice", "multiple-choice"},
	{"ForDocumentQuestionAnswering", "document-question-answering"},
	{"ForVisualQuestionAnswering", "visual-question-answering"},
	{"ForTableQuestionAnswering", "table-question-answering"},
	{"ForQuestionAnswering", "question-answering"},
	{"ForMaskedLM", "fill-mask"},
	{"ForMaskedImageModeling", "image-feature-extraction"},
	{"ForPreTraining", "fill-mask"},
	{"ForCausalLM", "text-generation"},
	{"LMHeadModel", "text-generation"},
	{"ForSpeechSeq2Seq", "automatic-speech-recognition"},
	{"ForCTC", "automatic-speech-recognition"},
	{"WhisperForConditionalGeneration", "automatic-speech-recognition"},
	{"ForTextToSpeech", "text-to-speech"},
	{"ForTextToWaveform", "text-to-audio"},
	{"VLForConditionalGeneration", "image-text-to-text"},
	{"LlavaForConditionalGeneration", "image-text-to-text"},
	{"LlavaNextForConditionalGeneration", "image-text-to-text"},
	{"Gemma3ForConditionalGeneration", "image-text-to-text"},
	{"MllamaForConditionalGeneration", "image-text-to-text"},
	{"ForImageTextToText", "image-text-to-text"},
	{"ForVision2Seq", "image-text-to-text"},
	{"BlipForConditionalGeneration", "image-to-text"},
	{"VisionEncoderDecoderModel", "image-to-text"},
	{"MarianMTModel", "translation"},
	{"M2M100ForConditionalGeneration", "translation"},
	{"PegasusForConditionalGeneration", "summarization"},
	{"ForConditionalGeneration", "text2text-generation"},
	{"ForSemanticSegmentation", "image-segmentation"},
	{"ForUniversalSegmentation", "image-segmentation"},
	{"ForInstanceSegmentation", "image-segmentation"},
	{"ForImageSegmentation", "image-segmentation"},
	{"ForMaskGeneration", "mask-generation"},
	{"ForObjectDetection", "object-detection"},
	{"ForDepthEstimation", "depth-estimation"},
	{"ForKeypointDetection", "keypoint-detection"},
	{"ForPrediction", "time-series-forecasting"},
	{"CLIPModel", "zero-shot-image-classification"},
	{"SiglipModel", "zero-shot-image-classification"},
	{"ViTModel", "image-feature-extraction"},
	{"Dinov2Model", "image-feature-extraction"},
	{"Model", "feature-extraction"},
}

// modelConfig is what inference reads of a config.json.
type modelConfig struct {
	architectures []string
	modelType     string
	autoMap       bool
	quantization  dict
}

func readModelConfig(configJSON []byte) modelConfig {
	full := readObject(configJSON)
	var c modelConfig
	if raw := full["architectures"]; len(raw) <= maxConfigVal {
		_ = json.Unmarshal(raw, &c.architectures)
	}
	if raw := full["model_type"]; len(raw) <= 256 {
		_ = json.Unmarshal(raw, &c.modelType)
	}
	_, c.autoMap = full["auto_map"]
	if raw := full["quantization_config"]; len(raw) <= maxConfigVal {
		if v, ok := smallValue(raw); ok {
			c.quantization, _ = v.(map[string]any)
		}
	}
	return c
}

// PipelineTag is the task that a model serves: what its card says, else what its configuration implies, else empty.
func PipelineTag(c *Card, configJSON []byte, files []string) string {
	if c != nil && c.PipelineTag != "" {
		return clip(c.PipelineTag, maxTagBytes)
	}
	if c != nil {
		for _, t := range c.Tags {
			if pipelines[t] != "" {
				return t
			}
		}
	}
	if LibraryName(c, files, configJSON) == "sentence-transformers" {
		return "sentence-similarity"
	}
	for _, arch := range readModelConfig(configJSON).architectures {
		for _, a := range architectureTasks {
			if strings.HasSuffix(arch, a.ending) {
				return a.task
			}
		}
	}
	return ""
}

// LibraryName is the library that loads a model: what its card says, else what its files imply, else empty.
func LibraryName(c *Card, files []string, configJSON []byte) string {
	if c != nil && c.LibraryName != "" {
		return clip(c.LibraryName, maxTagBytes)
	}
	for _, l := range []struct{ file, library string }{
		{"config_setfit.json", "setfit"}, {"modules.json", "sentence-transformers"},
		{"config_sentence_transformers.json", "sentence-transformers"}, {"model_index.json", "diffusers"},
		{"adapter_config.json", "peft"}, {"open_clip_config.json", "open_clip"}, {"mlx_config.json", "mlx"},
	} {
		if hasFile(files, l.file) {
			return l.library
		}
	}
	config := readModelConfig(configJSON)
	if config.modelType != "" || len(config.architectures) > 0 {
		return "transformers"
	}
	for _, tag := range frameworks(files) {
		if tag == "gguf" || tag == "nemo" || tag == "keras" {
			return tag
		}
	}
	return ""
}
