package card

import "regexp"

const maxArXiv = 100

var arxivLink = regexp.MustCompile(`(?i)\barxiv(?:\.org/(?:abs|pdf|html)/|[:\s]+(?:preprint\s+arxiv:)?|\.)\s?([0-9]{4}\.[0-9]{4,5})(?:v[0-9]{1,2})?\b|` +
	`huggingface\.co/papers/([0-9]{4}\.[0-9]{4,5})\b`)

// findArXiv collects the distinct papers that a text cites, in order.
func findArXiv(body []byte) []string {
	if len(body) > MaxFrontMatter {
		body = body[:MaxFrontMatter]
	}
	var out []string
	seen := map[string]bool{}
	for _, m := range arxivLink.FindAllSubmatch(body, 10*maxArXiv) {
		id := string(m[1]) + string(m[2])
		if !seen[id] && len(out) < maxArXiv {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
