package repo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gguf"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/safetensors"
)

// Source is a repository's files at one commit, as Derive reads them. Both functions may be slow; Derive calls Files
// once and Open a bounded number of times.
type Source struct {
	// Files gives the paths of at most limit files, those of the top folder first.
	Files func(ctx context.Context, limit int) ([]string, error)
	// Open starts to read a file. The caller closes it early when it has seen enough.
	Open func(ctx context.Context, path string) (r io.ReadCloser, size int64, err error)
}

// The bounds of deriving.
const (
	maxDeriveFiles = 1000
	maxSmallFile   = 2 << 20 // README.md, config.json, tokenizer_config.json
	maxShards      = 200     // headers that are read of one sharded checkpoint
)

// Derive works out what the files of a commit say of their repository. A file that is broken or too large says nothing;
// only a store that fails makes Derive fail.
func Derive(ctx context.Context, src Source, typ hub.RepoType) (*Facts, error) {
	files, err := src.Files(ctx, maxDeriveFiles)
	if err != nil {
		return nil, err
	}
	d := &deriver{ctx: ctx, src: src, files: files}
	f := d.facts(typ)
	return f, d.err
}

// Affects reports whether a change of the file may change the facts, so that other commits can skip Derive: they must
// not cost more in a repository of many files.
func Affects(typ hub.RepoType, file string) bool {
	ext := strings.ToLower(path.Ext(file))
	if typ == hub.Dataset && ext != "" {
		return true // formats go by the endings of the data files
	}
	top := !strings.Contains(file, "/")
	switch ext {
	case ".md", ".json", ".jinja":
		return top
	case ".safetensors", ".gguf", ".onnx", ".bin", ".h5", ".ot", ".msgpack", ".tflite", ".keras", ".xml", ".nemo", ".joblib", ".pb", ".mlmodel", ".mlmodelc":
		return true
	}
	return strings.Contains(path.Base(file), ".tfevents.")
}

type deriver struct {
	ctx   context.Context
	src   Source
	files []string
	err   error // the first failure of the store
}

func (d *deriver) facts(typ hub.RepoType) *Facts {
	c, _, _ := card.Parse(d.small("README.md"), typ)
	f := &Facts{}
	if len(c.Data) > 0 {
		f.Card, _ = json.Marshal(c.Data)
	}
	about := card.Facts{Files: d.files}
	switch typ {
	case hub.Model:
		about.Config = d.small("config.json")
		d.model(f, c, about.Config)
		about.ChatTemplate = d.chatTemplate(f)
	case hub.Space:
		f.SDK = c.Space.SDK
	}
	f.Tags = card.Tags(c, typ, about)
	return f
}

func (d *deriver) model(f *Facts, c *card.Card, config []byte) {
	f.PipelineTag = card.PipelineTag(c, config, d.files)
	f.LibraryName = card.LibraryName(c, d.files, config)
	shown := card.Config(config)
	if t := card.TokenizerConfig(d.small("tokenizer_config.json")); t != nil {
		if shown == nil {
			shown = map[string]any{}
		}
		shown["tokenizer_config"] = t
		f.Extra.MaskToken, _ = t["mask_token"].(string)
	}
	if shown != nil {
		f.Extra.Config, _ = json.Marshal(shown)
	}
	f.Extra.Transformers = transformersInfo(f.LibraryName, f.PipelineTag, shown)
	f.Extra.Safetensors = d.safetensors()
	f.Extra.GGUF = d.gguf()
}

func (d *deriver) chatTemplate(f *Facts) bool {
	return f.Extra.GGUF != nil && f.Extra.GGUF.ChatTemplate != "" || strings.Contains(string(f.Extra.Config), `"chat_template":`) ||
		d.has("chat_template.jinja") || d.has("chat_template.json")
}

func (d *deriver) has(name string) bool { return slices.Contains(d.files, name) }

// open starts to read a file that exists. A file that cannot be opened for a reason of its own is as good as absent.
func (d *deriver) open(name string) (io.ReadCloser, int64, bool) {
	if d.err != nil || !d.has(name) {
		return nil, 0, false
	}
	r, size, err := d.src.Open(d.ctx, name)
	if err != nil {
		if !errs.Is(err, errs.NotFound) {
			d.err = err
		}
		return nil, 0, false
	}
	return r, size, true
}

// small reads a whole file, or nothing when it is absent or large.
func (d *deriver) small(name string) []byte {
	r, size, ok := d.open(name)
	if !ok {
		return nil
	}
	defer r.Close()
	if size > maxSmallFile {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(r, maxSmallFile))
	if err != nil {
		d.err = cmp.Or(d.err, err)
		return nil
	}
	return b
}

// safetensors counts the parameters of a model in one file, or of the files that its index names.
func (d *deriver) safetensors() *safetensors.Info {
	if r, size, ok := d.open("model.safetensors"); ok {
		defer r.Close()
		return d.parsed(safetensors.Parse(r, size))
	}
	r, _, ok := d.open("model.safetensors.index.json")
	if !ok {
		return d.onlySafetensors()
	}
	defer r.Close()
	index, err := safetensors.ParseIndex(r)
	if err != nil || len(index.Files) > maxShards {
		return nil
	}
	var parts []*safetensors.Info
	for _, name := range index.Files {
		part := d.shard(name)
		if part == nil {
			return nil // a sum without a part would be wrong
		}
		parts = append(parts, part)
	}
	sum, _ := safetensors.Sum(parts)
	return sum
}

// onlySafetensors reads a checkpoint under another name when there is just one in the top folder, such as an adapter's.
func (d *deriver) onlySafetensors() *safetensors.Info {
	names := d.top(".safetensors")
	if len(names) != 1 {
		return nil
	}
	return d.shard(names[0])
}

func (d *deriver) shard(name string) *safetensors.Info {
	r, size, ok := d.open(name)
	if !ok {
		return nil
	}
	defer r.Close()
	return d.parsed(safetensors.Parse(r, size))
}

// parsed tells a broken file, which says nothing, from a broken store.
func (d *deriver) parsed(info *safetensors.Info, err error) *safetensors.Info {
	if err != nil && !errors.Is(err, safetensors.ErrFormat) {
		d.err = cmp.Or(d.err, err)
	}
	return info
}

// gguf reads the first GGUF file of the top folder; its siblings are other quantisations of the same model.
func (d *deriver) gguf() *gguf.Info {
	names := d.top(".gguf")
	if len(names) == 0 {
		return nil
	}
	r, size, ok := d.open(slices.Min(names))
	if !ok {
		return nil
	}
	defer r.Close()
	info, err := gguf.Parse(r, size)
	if err != nil && !errors.Is(err, gguf.ErrFormat) {
		d.err = cmp.Or(d.err, err)
	}
	return info
}

func (d *deriver) top(suffix string) []string {
	var names []string
	for _, f := range d.files {
		if !strings.Contains(f, "/") && strings.HasSuffix(f, suffix) {
			names = append(names, f)
		}
	}
	return names
}
