package repo_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// safetensorsFile makes a real file with one F32 tensor of n elements.
func safetensorsFile(n int) []byte {
	header, _ := json.Marshal(map[string]any{"weight": map[string]any{"dtype": "F32", "shape": []int{n}, "data_offsets": []int{0, 4 * n}}})
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, uint64(len(header)))
	b.Write(header)
	b.Write(make([]byte, 4*n))
	return b.Bytes()
}

func source(files map[string][]byte, opened *[]string) repo.Source {
	return repo.Source{
		Files: func(context.Context, int) ([]string, error) { return slices.Sorted(maps.Keys(files)), nil },
		Open: func(_ context.Context, p string) (io.ReadCloser, int64, error) {
			*opened = append(*opened, p)
			return io.NopCloser(bytes.NewReader(files[p])), int64(len(files[p])), nil
		},
	}
}

func bert() map[string][]byte {
	return map[string][]byte{
		"README.md":             []byte("---\nlicense: mit\nlanguage: en\ntags:\n- tiny\nbase_model: google/bert\n---\n# Hello\n"),
		"config.json":           []byte(`{"model_type":"bert","architectures":["BertForMaskedLM"],"hidden_size":8}`),
		"tokenizer_config.json": []byte(`{"mask_token":"[MASK]","cls_token":{"content":"[CLS]"}}`),
		"model.safetensors":     safetensorsFile(12),
		"data/huge.bin":         nil,
	}
}

func TestDerive(t *testing.T) {
	var opened []string
	f, err := repo.Derive(ctx, source(bert(), &opened), hub.Model)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"transformers", "safetensors", "bert", "fill-mask", "tiny", "en", "license:mit", "base_model:google/bert"} {
		if !slices.Contains(f.Tags, tag) {
			t.Errorf("tag %s is missing in %v", tag, f.Tags)
		}
	}
	if f.PipelineTag != "fill-mask" || f.LibraryName != "transformers" || f.Extra.MaskToken != "[MASK]" || f.Extra.Transformers.AutoModel != "AutoModelForMaskedLM" {
		t.Errorf("facts: %+v", f)
	}
	if st := f.Extra.Safetensors; st == nil || st.Total != 12 || st.Parameters["F32"] != 12 {
		t.Errorf("safetensors: %+v", st)
	}
	if len(opened) > 4 {
		t.Errorf("opened %v", opened)
	}
}

func TestDeriveShards(t *testing.T) {
	files := map[string][]byte{
		"model-00001-of-00002.safetensors": safetensorsFile(3), "model-00002-of-00002.safetensors": safetensorsFile(4),
		"model.safetensors.index.json": []byte(`{"metadata":{},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`),
	}
	var opened []string
	f, err := repo.Derive(ctx, source(files, &opened), hub.Model)
	if err != nil || f.Extra.Safetensors == nil || f.Extra.Safetensors.Total != 7 {
		t.Errorf("two shards: %+v, %v", f.Extra.Safetensors, err)
	}
	delete(files, "model-00002-of-00002.safetensors")
	if f, _ = repo.Derive(ctx, source(files, &opened), hub.Model); f.Extra.Safetensors != nil {
		t.Errorf("half a checkpoint was counted: %+v", f.Extra.Safetensors)
	}
}

func TestDeriveTellsBrokenFilesFromBrokenStores(t *testing.T) {
	var opened []string
	files := bert()
	files["model.safetensors"] = []byte("\xff\xff\xff\xff\xff\xff\xff\x7fnot a header")
	files["x.gguf"] = []byte("GGUF\x03\x00\x00\x00\xff")
	files["config.json"] = []byte("{")
	if f, err := repo.Derive(ctx, source(files, &opened), hub.Model); err != nil || f.Extra.Safetensors != nil || f.Extra.GGUF != nil {
		t.Errorf("broken files: %+v, %v", f, err)
	}
	src := source(files, &opened)
	src.Open = func(context.Context, string) (io.ReadCloser, int64, error) { return nil, 0, errors.New("disk on fire") }
	if _, err := repo.Derive(ctx, src, hub.Model); err == nil {
		t.Error("a broken store made facts")
	}
}

func TestInfo(t *testing.T) {
	each(t, func(w *world) {
		r := w.create(model("alice", "bert"), hub.Public)
		var opened []string
		facts, err := repo.Derive(ctx, source(bert(), &opened), hub.Model)
		w.must(err)
		head, _ := hub.ParseOID(r.Head)
		w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
			return w.repos.Refresh(ctx, tx, r.RowID, repo.Update{Head: head, At: w.now, Facts: facts})
		}))
		w.repos.Attach(repo.Hooks{ListFiles: func(_ ctxT, r *repo.Repo, commit string, blobs bool) ([]repo.Sibling, error) {
			return []repo.Sibling{{Path: "config.json"}}, nil
		}})
		r, _ = w.find(r.ID())
		got := w.info(r, repo.InfoOptions{})
		for key, want := range map[string]string{
			"_id": `"` + r.RowID + `"`, "id": `"alice/bert"`, "modelId": `"alice/bert"`, "author": `"alice"`, "sha": `"` + r.Head + `"`, "private": "false",
			"gated": "false", "lastModified": `"2026-03-01T12:00:00.000Z"`, "pipeline_tag": `"fill-mask"`, "mask_token": `"[MASK]"`,
			"safetensors": `{"parameters":{"F32":12},"total":12}`, "siblings": `[{"rfilename":"config.json"}]`, "gguf": "null", "spaces": "[]",
			"baseModels": `{"models":[{"id":"google/bert"}],"relation":null}`, "downloads": "0", "xetEnabled": "true",
			"cardData": `{"base_model":"google/bert","language":"en","license":"mit","tags":["tiny"]}`,
		} {
			if string(got[key]) != want {
				w.Errorf("%s: %s, want %s", key, got[key], want)
			}
		}
		if got := w.info(r, repo.InfoOptions{Expand: []string{"likes", "tags"}}); len(got) != 4 || string(got["likes"]) != "0" {
			w.Errorf("expand: %v", got)
		}
		if got := w.info(r, repo.InfoOptions{Commit: "0123", Expand: []string{"sha"}}); string(got["sha"]) != `"0123"` {
			w.Errorf("at a revision: %s", got["sha"])
		}
		_, err = w.repos.Info(ctx, r, repo.InfoOptions{Expand: []string{"likes", "foo"}})
		w.wantKind(err, errs.Invalid, "an unknown property")
		if msg := err.Error(); !bytes.HasPrefix([]byte(msg), []byte(`"expand" must be one of [author, baseModels, `)) {
			w.Errorf("message: %s", msg)
		}
		tags, err := w.repos.TagsByType(ctx, hub.Model, "license")
		w.must(err)
		if len(tags) != 1 || len(tags["license"]) != 1 || tags["license"][0].ID != "license:mit" {
			w.Errorf("tags by type: %v", tags)
		}
		for _, typ := range []hub.RepoType{hub.Dataset, hub.Space} {
			other := w.create(hub.RepoID{Type: typ, Namespace: "alice", Name: "bert"}, hub.Private)
			if got := w.info(other, repo.InfoOptions{SecurityStatus: true}); string(got["private"]) != "true" || got["siblings"] == nil || got["sha"] == nil {
				w.Errorf("%s: %v", typ, got)
			}
		}
	})
}

func (w *world) info(r *repo.Repo, o repo.InfoOptions) map[string]json.RawMessage {
	w.Helper()
	doc, err := w.repos.Info(ctx, r, o)
	w.must(err)
	b, err := json.Marshal(doc)
	w.must(err)
	var got map[string]json.RawMessage
	w.must(json.Unmarshal(b, &got))
	return got
}
