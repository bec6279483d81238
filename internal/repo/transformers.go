package repo

import "strings"

// autoModels are the classes of transformers that load a model for a task.
var autoModels = map[string]string{
	"fill-mask": "AutoModelForMaskedLM", "text-generation": "AutoModelForCausalLM", "text2text-generation": "AutoModelForSeq2SeqLM",
	"summarization": "AutoModelForSeq2SeqLM", "translation": "AutoModelForSeq2SeqLM", "text-classification": "AutoModelForSequenceClassification",
	"token-classification": "AutoModelForTokenClassification", "question-answering": "AutoModelForQuestionAnswering",
	"image-classification": "AutoModelForImageClassification", "object-detection": "AutoModelForObjectDetection",
	"image-text-to-text": "AutoModelForImageTextToText", "automatic-speech-recognition": "AutoModelForSpeechSeq2Seq",
	"audio-classification": "AutoModelForAudioClassification", "feature-extraction": "AutoModel", "sentence-similarity": "AutoModel",
}

// transformersInfo says how transformers loads a model, from its first architecture's name; nil for other libraries.
func transformersInfo(library, task string, config map[string]any) *Transformers {
	if library != "transformers" || config == nil {
		return nil
	}
	t := &Transformers{AutoModel: autoModels[task], PipelineTag: task, Processor: "AutoTokenizer"}
	if strings.HasPrefix(task, "image-") || strings.HasPrefix(task, "audio-") || strings.HasPrefix(task, "automatic-") || strings.HasPrefix(task, "object-") {
		t.Processor = "AutoProcessor"
	}
	if t.AutoModel == "" {
		t.AutoModel = "AutoModel"
	}
	if auto, ok := config["auto_map"].(map[string]any); ok {
		if class, ok := auto[t.AutoModel].(string); ok {
			t.CustomClass = class
		}
	}
	return t
}
