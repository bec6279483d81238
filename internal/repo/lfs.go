package repo

import "slices"

// DefaultLFS are the server's settings for large files unless the operator sets others. Sizes are decimal.
var DefaultLFS = LFSDefaults{
	Threshold:    5_000_000,
	KeepVersions: 5,
	Suffixes: []string{
		".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".pb", ".h5", ".tflite", ".gguf", ".ggml", ".msgpack",
		".zip", ".tar", ".gz", ".bz2", ".xz", ".7z", ".rar", ".npy", ".npz", ".arrow", ".parquet",
		".mp4", ".avi", ".mkv", ".mov", ".wav", ".mp3", ".flac", ".tiff", ".tif",
	},
}

func (d LFSDefaults) orDefault() LFSDefaults {
	if d.Threshold == 0 {
		d.Threshold = DefaultLFS.Threshold
	}
	if d.KeepVersions == 0 {
		d.KeepVersions = DefaultLFS.KeepVersions
	}
	if d.Suffixes == nil {
		d.Suffixes = slices.Clone(DefaultLFS.Suffixes)
	}
	return d
}

// LFSSettings is the answer of GET …/settings/lfs: what is configured, what holds, and where that comes from.
type LFSSettings struct {
	Threshold    *int64   `json:"lfs_threshold_bytes"`
	KeepVersions *int64   `json:"lfs_keep_versions"`
	Suffixes     []string `json:"lfs_suffix_rules"`

	EffectiveThreshold    int64    `json:"lfs_threshold_bytes_effective"`
	ThresholdSource       string   `json:"lfs_threshold_bytes_source"`
	EffectiveKeepVersions int64    `json:"lfs_keep_versions_effective"`
	KeepVersionsSource    string   `json:"lfs_keep_versions_source"`
	EffectiveSuffixes     []string `json:"lfs_suffix_rules_effective"`
	SuffixesSource        string   `json:"lfs_suffix_rules_source"`

	Server struct {
		Threshold    int64    `json:"lfs_threshold_bytes"`
		KeepVersions int64    `json:"lfs_keep_versions"`
		Suffixes     []string `json:"lfs_suffix_rules_default"`
	} `json:"server_defaults"`
}

// LFSSettings describes a repository's rules for large files.
func (s *Service) LFSSettings(r *Repo) LFSSettings {
	rules := r.LFS(s.lfs.Threshold, s.lfs.Suffixes)
	a := LFSSettings{
		Threshold: r.LFSThreshold, KeepVersions: r.LFSKeepVersions, Suffixes: r.SuffixRules(),
		EffectiveThreshold: rules.Threshold, ThresholdSource: source(r.LFSThreshold != nil, "repository"),
		EffectiveKeepVersions: s.lfs.KeepVersions, KeepVersionsSource: source(r.LFSKeepVersions != nil, "repository"),
		EffectiveSuffixes: rules.Suffixes, SuffixesSource: source(len(r.SuffixRules()) > 0, "merged"),
	}
	if r.LFSKeepVersions != nil {
		a.EffectiveKeepVersions = *r.LFSKeepVersions
	}
	a.Server.Threshold, a.Server.KeepVersions, a.Server.Suffixes = s.lfs.Threshold, s.lfs.KeepVersions, s.lfs.Suffixes
	return a
}

func source(own bool, name string) string {
	if own {
		return name
	}
	return "server_default"
}
