package webui

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// snippet is what somebody pastes to use a repository.
type snippet struct{ Title, Text string }

func snippets(r *repo.Repo, origin string) []snippet {
	id := r.ID()
	get := "export HF_ENDPOINT=" + shellWord(origin) + "\nhf download " + shellWord(id.String())
	switch id.Type {
	case hub.Dataset:
		return []snippet{
			{"Download", get + " \\\n  --repo-type dataset"},
			{"Load with datasets", "from datasets import load_dataset\n\nds = load_dataset(" + strconv.Quote(id.String()) + ")"},
		}
	case hub.Space:
		return []snippet{{"Download", get + " \\\n  --repo-type space"}}
	}
	list := []snippet{{"Download", get}}
	if r.LibraryName == "transformers" {
		list = append(list, snippet{"Load with transformers", transformersSnippet(id, r.PipelineTag)})
	}
	return list
}

var word = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,60}$`)

func transformersSnippet(id hub.RepoID, task string) string {
	if word.MatchString(task) {
		return "from transformers import pipeline\n\npipe = pipeline(\n  " + strconv.Quote(task) + ",\n  model=" + strconv.Quote(id.String()) + ",\n)"
	}
	return "from transformers import AutoModel\n\nmodel = AutoModel.from_pretrained(\n  " + strconv.Quote(id.String()) + "\n)"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=\[\]-]+$`)

// shellWord quotes what a shell would not take as one word: an importer may have brought odd names.
func shellWord(s string) string {
	if plainWord.MatchString(s) && !strings.HasPrefix(s, "-") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
