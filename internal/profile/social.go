package profile

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
)

// Socials are handles by network.
type Socials map[string]string

// network is where somebody may have a handle.
type network struct {
	Name string // for people
	home string // what a handle is put behind to make an address
}

// networks are those that may be named.
var networks = map[string]network{
	"twitter_x":   {"X", "https://x.com/"},
	"threads":     {"Threads", "https://www.threads.net/@"},
	"github":      {"GitHub", "https://github.com/"},
	"huggingface": {"Hugging Face", "https://huggingface.co/"},
	"linkedin":    {"LinkedIn", "https://www.linkedin.com/in/"},
	"bluesky":     {"Bluesky", "https://bsky.app/profile/"},
}

// handleShape is what all of them allow, so that a handle is safe behind any of their addresses.
var handleShape = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

// Link is a handle with its address.
type Link struct{ Network, Handle, URL string }

// Links are the handles in the order of their networks' keys.
func (s Socials) Links() []Link {
	var links []Link
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if n, ok := networks[key]; ok {
			links = append(links, Link{n.Name, s[key], n.home + s[key]})
		}
	}
	return links
}

// setSocials replaces all handles.
func setSocials(p *Profile, raw json.RawMessage) error {
	var in map[string]*string
	if json.Unmarshal(raw, &in) != nil {
		return errs.New(errs.Invalid, `"social_media" must be an object of handles by network, or null`)
	}
	p.Socials = Socials{}
	for key, handle := range in {
		if _, ok := networks[key]; !ok {
			return errs.New(errs.Invalid, "Unknown network %q in \"social_media\": use %s", clip(key), strings.Join(slices.Sorted(maps.Keys(networks)), ", "))
		}
		if handle == nil || strings.TrimSpace(*handle) == "" {
			continue
		}
		h := strings.TrimPrefix(strings.TrimSpace(*handle), "@")
		if !handleShape.MatchString(h) {
			return errs.New(errs.Invalid, "%q must be a handle, such as alice_ml, not an address: at most 64 letters, digits, '.', '-' and '_'", key)
		}
		p.Socials[key] = h
	}
	return nil
}
