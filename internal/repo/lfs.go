package repo

import (
	"slices"
	"time"
)

// LFS are the rules by which a file of a repository becomes a large one: its own threshold or the server's, and its
// suffixes on top of the server's.
func (s *Service) LFS(r *Repo) LFS {
	rules := LFS{s.lfs.Threshold, slices.Clone(s.lfs.Suffixes)}
	if r.LFSThreshold != nil {
		rules.Threshold = *r.LFSThreshold
	}
	for _, suffix := range r.SuffixRules() {
		if !slices.Contains(rules.Suffixes, suffix) {
			rules.Suffixes = append(rules.Suffixes, suffix)
		}
	}
	return rules
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

	// Release says whether older versions are given up, and how long after they were superseded.
	Release struct {
		Acts  bool   `json:"acts"`
		Mode  string `json:"mode"`
		Grace int64  `json:"grace_seconds"`
	} `json:"lfs_release"`

	Server struct {
		Threshold    int64    `json:"lfs_threshold_bytes"`
		KeepVersions int64    `json:"lfs_keep_versions"`
		Suffixes     []string `json:"lfs_suffix_rules_default"`
	} `json:"server_defaults"`
}

// LFSSettings describes a repository's rules for large files.
func (s *Service) LFSSettings(r *Repo) LFSSettings {
	rules := s.LFS(r)
	a := LFSSettings{
		Threshold: r.LFSThreshold, KeepVersions: r.LFSKeepVersions, Suffixes: r.SuffixRules(),
		EffectiveThreshold: rules.Threshold, ThresholdSource: source(r.LFSThreshold != nil, "repository"),
		EffectiveKeepVersions: s.lfs.KeepVersions, KeepVersionsSource: source(r.LFSKeepVersions != nil, "repository"),
		EffectiveSuffixes: rules.Suffixes, SuffixesSource: source(len(r.SuffixRules()) > 0, "merged"),
	}
	if r.LFSKeepVersions != nil {
		a.EffectiveKeepVersions = *r.LFSKeepVersions
	}
	a.Release.Mode, a.Release.Grace = s.lfs.Release, int64(s.lfs.ReleaseGrace/time.Second)
	a.Release.Acts = s.lfs.Release == "all" || s.lfs.Release == "configured" && r.KeepsVersions()
	a.Server.Threshold, a.Server.KeepVersions, a.Server.Suffixes = s.lfs.Threshold, s.lfs.KeepVersions, s.lfs.Suffixes
	return a
}

func source(own bool, name string) string {
	if own {
		return name
	}
	return "server_default"
}
