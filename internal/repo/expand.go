package repo

import (
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// expandable are the properties that a caller may ask for one by one, per type, in the order of the message that lists
// them. They are those of the Hub; gitalyUid and xetEnabled are internal there and asked for all the same.
var expandable = map[hub.RepoType][]string{
	hub.Model: {
		"author", "baseModels", "cardData", "childrenModelCount", "config", "createdAt", "disabled", "downloads",
		"downloadsAllTime", "evalResults", "gated", "gguf", "gitalyUid", "inference", "inferenceProviderMapping", "lastModified",
		"library_name", "likes", "mask_token", "model-index", "pipeline_tag", "private", "resourceGroup", "safetensors", "sha",
		"siblings", "spaces", "tags", "transformersInfo", "trendingScore", "usedStorage", "widgetData", "xetEnabled",
	},
	hub.Dataset: {
		"author", "cardData", "citation", "createdAt", "description", "disabled", "downloads", "downloadsAllTime", "gated",
		"gitalyUid", "lastModified", "likes", "mainSize", "paperswithcode_id", "private", "resourceGroup", "sha", "siblings",
		"tags", "trendingScore", "usedStorage", "xetEnabled",
	},
	hub.Space: {
		"author", "cardData", "createdAt", "datasets", "disabled", "gitalyUid", "lastModified", "likes", "models", "private",
		"region", "resourceGroup", "runtime", "sdk", "sha", "siblings", "subdomain", "tags", "trendingScore", "usedStorage",
		"xetEnabled",
	},
}

// The properties without expand: of one repository, of a list's items, and of a list's items with full.
var (
	infoDefault = map[hub.RepoType][]string{
		hub.Model: {
			"author", "baseModels", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "gguf", "inference",
			"lastModified", "library_name", "likes", "mask_token", "model-index", "modelId", "pipeline_tag", "private", "safetensors",
			"sha", "siblings", "spaces", "tags", "transformersInfo", "usedStorage", "widgetData", "xetEnabled",
		},
		hub.Dataset: {
			"author", "cardData", "citation", "createdAt", "description", "disabled", "downloads", "gated", "lastModified", "likes",
			"paperswithcode_id", "private", "sha", "siblings", "tags", "usedStorage", "xetEnabled",
		},
		hub.Space: {
			"author", "cardData", "createdAt", "datasets", "disabled", "gated", "host", "lastModified", "likes", "models", "private", "runtime",
			"sdk", "sha", "siblings", "subdomain", "tags", "usedStorage", "xetEnabled",
		},
	}
	listDefault = map[hub.RepoType][]string{
		hub.Model:   {"createdAt", "downloads", "library_name", "likes", "modelId", "pipeline_tag", "private", "tags", "trendingScore"},
		hub.Dataset: {"author", "createdAt", "description", "disabled", "downloads", "gated", "lastModified", "likes", "private", "sha", "tags", "trendingScore"},
		hub.Space:   {"createdAt", "likes", "private", "sdk", "tags", "trendingScore"},
	}
	listFull = map[hub.RepoType][]string{
		hub.Model:   {"author", "disabled", "gated", "lastModified", "sha", "siblings"},
		hub.Dataset: {"cardData", "citation", "paperswithcode_id", "siblings"},
		hub.Space:   {"author", "cardData", "datasets", "disabled", "host", "lastModified", "models", "runtime", "sha", "siblings", "subdomain"},
	}
)

// checkExpand refuses what cannot be asked for, in the words that clients parse.
func checkExpand(typ hub.RepoType, names []string) error {
	for _, n := range names {
		if !slices.Contains(expandable[typ], n) {
			return errs.New(errs.Invalid, `"expand" must be one of [%s]`, strings.Join(expandable[typ], ", "))
		}
	}
	return nil
}

// derivedFields need the row's large JSON columns; the others are answered from Repo itself.
var derivedFields = []string{
	"baseModels", "cardData", "config", "description", "citation", "datasets", "gguf", "mask_token", "model-index", "models",
	"paperswithcode_id", "safetensors", "tags", "transformersInfo", "widgetData",
}

func needsDerived(fields []string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(derivedFields, f) })
}
