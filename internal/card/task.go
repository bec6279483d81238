package card

import (
	"maps"
	"slices"
	"strings"
)

// pipelines are the tasks by their field, which the Hub calls subType.
var pipelines = parseTasks(map[string]string{
	"nlp": `text-classification token-classification table-question-answering question-answering zero-shot-classification
		translation summarization feature-extraction text-generation fill-mask sentence-similarity text-ranking
		text2text-generation conversational text-retrieval multiple-choice table-to-text`,
	"audio": `text-to-speech text-to-audio automatic-speech-recognition audio-to-audio audio-classification
		voice-activity-detection`,
	"cv": `depth-estimation image-classification object-detection image-segmentation text-to-image image-to-text image-to-image
		image-to-video unconditional-image-generation video-classification text-to-video zero-shot-image-classification
		mask-generation zero-shot-object-detection text-to-3d image-to-3d image-feature-extraction keypoint-detection
		video-to-video`,
	"multimodal": `audio-text-to-text image-text-to-text image-text-to-image image-text-to-video visual-question-answering
		document-question-answering video-text-to-text visual-document-retrieval any-to-any`,
	"tabular": `tabular-classification tabular-regression tabular-to-text time-series-forecasting`,
	"rl":      `reinforcement-learning robotics`,
	"other":   `graph-ml`,
})

func parseTasks(fields map[string]string) map[string]string {
	m := map[string]string{}
	for field, ids := range fields {
		for _, id := range strings.Fields(ids) {
			m[id] = field
		}
	}
	return m
}

func sortedTasks() []string { return slices.Sorted(maps.Keys(pipelines)) }
