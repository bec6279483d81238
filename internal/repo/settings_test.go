package repo_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

func TestSettingsRefuse(t *testing.T) {
	each(t, func(w *world) {
		r := w.create(model("alice", "m"), hub.Public)
		for text, kind := range map[string]errs.Kind{
			`{"private":"yes"}`: errs.Invalid, `{"private":1}`: errs.Invalid, `{"visibility":"protected"}`: errs.Invalid, `{"visibility":7}`: errs.Invalid,
			`{"private":true,"visibility":"private"}`: errs.Invalid, `{"gated":true}`: errs.Invalid, `{"gated":"yes"}`: errs.Invalid,
			`{"lfs_threshold_bytes":999999}`: errs.Invalid, `{"lfs_threshold_bytes":"5MB"}`: errs.Invalid,
			`{"lfs_keep_versions":1}`: errs.Invalid, `{"lfs_suffix_rules":["bin"]}`: errs.Invalid, `{"lfs_suffix_rules":".bin"}`: errs.Invalid,
			`{"lfs_suffix_rules":[".a/b"]}`: errs.Invalid, `{"lfs_suffix_rules":["."]}`: errs.Invalid, `{"discussionsDisabled":"no"}`: errs.Invalid,
			`{"stars":5}`: errs.Invalid, `{"discussionsSorting":"trending"}`: errs.NotImplemented, `{"gatedNotificationsMode":"bulk"}`: errs.NotImplemented,
		} {
			_, err := w.repos.SetSettings(ctx, w.actor["alice"], r, settings(text))
			w.wantKind(err, kind, text)
		}
		// One bad member leaves the good ones unset.
		_, err := w.repos.SetSettings(ctx, w.actor["alice"], r, settings(`{"private":true,"lfs_keep_versions":0}`))
		w.wantKind(err, errs.Invalid, "one bad member")
		if now, _ := w.find(r.ID()); now.Private() {
			w.Error("half of a refused change was made")
		}
		space := w.create(hub.RepoID{Type: hub.Space, Namespace: "alice", Name: "s"}, hub.Public)
		_, err = w.repos.SetSettings(ctx, w.actor["alice"], space, settings(`{"visibility":"protected"}`))
		w.wantKind(err, errs.Unprocessable, "a protected space")
		_, err = w.repos.SetSettings(ctx, w.actor["bob"], r, settings(`{"private":true}`))
		w.wantKind(err, errs.Forbidden, "a stranger changes the visibility")
	})
}

func TestSettings(t *testing.T) {
	each(t, func(w *world) {
		r := w.create(model("alice", "m"), hub.Public)
		out, err := w.repos.SetSettings(ctx, w.actor["alice"], r, settings(`{"private":true,"gated":"manual","discussionsDisabled":true,
			"lfs_threshold_bytes":10000000,"lfs_keep_versions":10,"lfs_suffix_rules":[".Foo",".bin",".foo"]}`))
		w.must(err)
		if out["success"] != true || out["private"] != true || out["visibility"] != "private" || out["gated"] != "manual" || out["discussionsDisabled"] != true {
			w.Errorf("answer: %v", out)
		}
		now, _ := w.find(r.ID())
		lfs := w.repos.LFSSettings(now)
		if lfs.EffectiveThreshold != 10_000_000 || lfs.ThresholdSource != "repository" || lfs.EffectiveKeepVersions != 10 || lfs.SuffixesSource != "merged" ||
			!slices.Equal(lfs.Suffixes, []string{".bin", ".foo"}) || !slices.Equal(lfs.EffectiveSuffixes, []string{".safetensors", ".bin", ".foo"}) || len(lfs.Server.Suffixes) != 2 {
			w.Errorf("LFS settings: %+v", lfs)
		}
		_, err = w.repos.SetSettings(ctx, w.actor["alice"], now, settings(`{"gated":false,"lfs_threshold_bytes":null,"lfs_suffix_rules":null}`))
		w.must(err)
		now, _ = w.find(r.ID())
		b, _ := json.Marshal(w.repos.LFSSettings(now))
		var got map[string]any
		w.must(json.Unmarshal(b, &got))
		if got["lfs_threshold_bytes"] != nil || got["lfs_threshold_bytes_source"] != "server_default" || got["lfs_threshold_bytes_effective"] != 5e6 ||
			got["lfs_suffix_rules"] != nil || got["lfs_keep_versions"] != 10.0 || now.Gated != "" || !now.Private() {
			w.Errorf("after null: %s", b)
		}
	})
}
