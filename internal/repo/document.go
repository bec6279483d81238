package repo

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Document is a JSON object as the API answers it.
type Document map[string]any

// Sibling is a file of a repository in a Document.
type Sibling struct {
	Path   string      `json:"rfilename"`
	Size   *int64      `json:"size,omitempty"`
	BlobID string      `json:"blobId,omitempty"`
	LFS    *SiblingLFS `json:"lfs,omitempty"`
}

// SiblingLFS is the large file behind a sibling's pointer.
type SiblingLFS struct {
	SHA256      string `json:"sha256"`
	Size        int64  `json:"size"`
	PointerSize int64  `json:"pointerSize"`
}

// view is one repository while its document is made.
type view struct {
	repo     *Repo
	commit   string // that sha and siblings are of
	derived  derived
	card     map[string]json.RawMessage // decoded once, when a field asks for it
	siblings func() ([]Sibling, error)
}

// document answers the fields. _id and id are always there.
func (v *view) document(fields []string) (Document, error) {
	doc := Document{"_id": v.repo.RowID, "id": v.repo.ID().String()}
	for _, name := range fields {
		if name == "siblings" {
			list, err := v.siblings()
			if err != nil {
				return nil, err
			}
			doc[name] = append([]Sibling{}, list...)
			continue
		}
		if value, known := v.field(name); known {
			doc[name] = value
		}
	}
	return doc, nil
}

// fields answers every property that needs no store. Properties that Cairn has no data for are null, or an empty list
// where clients iterate: they are never made up.
var fields = map[string]func(*view) any{
	"author":           func(v *view) any { return v.repo.Namespace },
	"createdAt":        func(v *view) any { return isoTime(v.repo.CreatedAt) },
	"disabled":         func(v *view) any { return v.repo.Disabled },
	"downloads":        func(v *view) any { return v.repo.Downloads },
	"downloadsAllTime": func(v *view) any { return v.repo.DownloadsAll },
	"gated":            func(v *view) any { return gatedValue(v.repo.Gated) },
	"lastModified":     func(v *view) any { return isoTime(v.repo.ModifiedAt) },
	"likes":            func(v *view) any { return v.repo.Likes },
	"modelId":          func(v *view) any { return v.repo.ID().String() },
	"private":          func(v *view) any { return v.repo.Private() },
	"sha":              func(v *view) any { return orNull(v.commit) },
	"trendingScore":    func(v *view) any { return int64(math.Round(v.repo.Trending)) },
	"usedStorage":      func(v *view) any { return v.repo.UsedStorage },
	"xetEnabled":       func(*view) any { return true },
	"library_name":     func(v *view) any { return orNull(v.repo.LibraryName) },
	"pipeline_tag":     func(v *view) any { return orNull(v.repo.PipelineTag) },
	"sdk":              func(v *view) any { return orNull(v.repo.SDK) },

	"tags":             func(v *view) any { return v.derived.tags },
	"cardData":         func(v *view) any { return rawOrNull(v.derived.card) },
	"config":           func(v *view) any { return rawOrNull(v.derived.extra.Config) },
	"mask_token":       func(v *view) any { return orNull(v.derived.extra.MaskToken) },
	"transformersInfo": func(v *view) any { return pointerOrNull(v.derived.extra.Transformers) },
	"safetensors":      func(v *view) any { return pointerOrNull(v.derived.extra.Safetensors) },
	"gguf":             func(v *view) any { return pointerOrNull(v.derived.extra.GGUF) },
	"model-index":      func(v *view) any { return rawOrNull(v.fromCard("model-index")) },
	"widgetData":       func(v *view) any { return rawOrNull(v.fromCard("widget")) },
	"description":      func(v *view) any { return rawOrNull(v.fromCard("description")) },
	"citation":         func(v *view) any { return rawOrNull(v.fromCard("citation")) },
	"paperswithcode_id": func(v *view) any {
		return rawOrNull(v.fromCard("paperswithcode_id"))
	},
	"models":     func(v *view) any { return rawOrEmpty(v.fromCard("models")) },
	"datasets":   func(v *view) any { return rawOrEmpty(v.fromCard("datasets")) },
	"baseModels": baseModels,

	"childrenModelCount":       func(*view) any { return nil },
	"evalResults":              func(*view) any { return []any{} },
	"gitalyUid":                func(*view) any { return nil },
	"host":                     func(*view) any { return nil },
	"inference":                func(*view) any { return nil },
	"inferenceProviderMapping": func(*view) any { return []any{} },
	"mainSize":                 func(*view) any { return nil },
	"region":                   func(*view) any { return nil },
	"resourceGroup":            func(*view) any { return nil },
	"runtime":                  func(*view) any { return nil },
	"spaces":                   func(*view) any { return []any{} },
	"subdomain":                func(*view) any { return nil },
}

func (v *view) field(name string) (any, bool) {
	f, ok := fields[name]
	if !ok {
		return nil, false
	}
	return f(v), true
}

// fromCard is one member of the card's metadata.
func (v *view) fromCard(key string) json.RawMessage {
	if v.card == nil {
		v.card = map[string]json.RawMessage{}
		if v.derived.card != nil {
			_ = json.Unmarshal(v.derived.card, &v.card)
		}
	}
	return v.card[key]
}

// baseModels names what a model was made from, as its card says.
func baseModels(v *view) any {
	var ids []string
	if raw := v.fromCard("base_model"); json.Unmarshal(raw, &ids) != nil {
		var one string
		if json.Unmarshal(raw, &one) != nil || one == "" {
			return nil
		}
		ids = []string{one}
	}
	if len(ids) == 0 {
		return nil
	}
	models := make([]Document, len(ids))
	for i, id := range ids {
		models[i] = Document{"id": id}
	}
	var relation *string
	_ = json.Unmarshal(v.fromCard("base_model_relation"), &relation)
	return Document{"relation": relation, "models": models}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func pointerOrNull[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

func rawOrNull(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return raw
}

// rawOrEmpty answers a list whatever the card has there.
func rawOrEmpty(raw json.RawMessage) any {
	if len(raw) == 0 || raw[0] != '[' {
		return []any{}
	}
	return raw
}

// InfoOptions choose what Info answers.
type InfoOptions struct {
	Commit         string   // the commit that the caller's revision resolved to; empty: the head
	Expand         []string // replaces the default fields
	Blobs          bool     // sizes and hashes of the siblings
	SecurityStatus bool
}

// Info describes a repository. What is derived from files (card, tags, config …) is of the default branch, whatever the
// revision; sha and siblings are of the revision.
func (s *Service) Info(ctx context.Context, r *Repo, o InfoOptions) (Document, error) {
	if err := checkExpand(r.Type, o.Expand); err != nil {
		return nil, err
	}
	names := infoDefault[r.Type]
	if len(o.Expand) > 0 {
		names = o.Expand
	}
	v := &view{repo: r, commit: o.Commit}
	if v.commit == "" {
		v.commit = r.Head
	}
	v.siblings = func() ([]Sibling, error) { return s.listFiles(ctx, r, v.commit, o.Blobs) }
	if needsDerived(names) {
		rows, err := derivedOf(ctx, s.db, []string{r.RowID})
		if err != nil {
			return nil, errs.Wrap("repo.Info", err)
		}
		v.derived = rows[r.RowID]
	}
	if v.derived.tags == nil {
		v.derived.tags = json.RawMessage("[]")
	}
	doc, err := v.document(names)
	if err == nil && o.SecurityStatus {
		doc["securityRepoStatus"] = nil // nothing scans yet, so nothing is called safe
	}
	return doc, errs.Wrap("repo.Info", err)
}

func (s *Service) listFiles(ctx context.Context, r *Repo, commit string, blobs bool) ([]Sibling, error) {
	if s.hooks.ListFiles == nil || commit == "" {
		return nil, nil
	}
	return s.hooks.ListFiles(ctx, r, commit, blobs)
}

// listFields are the fields of a list's items.
func listFields(typ hub.RepoType, q Query) []string {
	if len(q.Expand) > 0 {
		return q.Expand
	}
	names := slices.Clone(listDefault[typ])
	if q.Full {
		names = append(names, listFull[typ]...)
	}
	if q.CardData {
		names = append(names, "cardData")
	}
	if q.Config {
		names = append(names, "config")
	}
	return names
}
