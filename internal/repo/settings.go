package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of the settings for large files.
const (
	MinLFSThreshold    = 1_000_000
	MinLFSKeepVersions = 2
	maxSuffixRules     = 100
	maxSuffix          = 64
)

// Settings is a change of some settings, as a JSON object: a member that is absent stays as it is, null goes back to the
// server's default.
type Settings map[string]json.RawMessage

// unsupportedSettings are the Hub's settings that Cairn has no use for yet.
var unsupportedSettings = []string{"discussionsSorting", "orgMembersGated", "gatedNotificationsEmail", "gatedNotificationsMode"}

// setters apply one member each. The order of application does not matter: they touch different columns, except
// private and visibility, which may not come together.
var setters = map[string]func(*Repo, json.RawMessage) error{
	"private":             setPrivate,
	"visibility":          setVisibility,
	"gated":               setGated,
	"discussionsDisabled": setDiscussions,
	"lfs_threshold_bytes": setThreshold,
	"lfs_keep_versions":   setKeepVersions,
	"lfs_suffix_rules":    setSuffixes,
}

// apply checks all members and changes r.
func (in Settings) apply(r *Repo) error {
	_, private := in["private"]
	_, visibility := in["visibility"]
	if private && visibility {
		return errs.New(errs.Invalid, `"private" and "visibility" cannot be given together`)
	}
	for name, raw := range in {
		if slices.Contains(unsupportedSettings, name) {
			return errs.Unsupported("The setting %q is not supported by this hub", name)
		}
		set, ok := setters[name]
		if !ok {
			return errs.New(errs.Invalid, "Unknown setting %q", clip(name))
		}
		if err := set(r, raw); err != nil {
			return err
		}
	}
	return nil
}

// SetSettings changes a repository's settings and answers all of them. Changing who may see the repository is for its
// administrators.
func (s *Service) SetSettings(ctx context.Context, actor hub.Actor, r *Repo, in Settings) (Document, error) {
	if in.changesAccess() {
		if err := s.authz.Repo(ctx, actor, r.Subject(), authz.RepoAdmin); err != nil {
			return nil, err
		}
	}
	var now *Repo
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if now, err = s.Get(ctx, tx, r.RowID); err != nil {
			return err
		}
		was := now.Visibility
		kept := now.LFSKeepVersions
		if err := in.apply(now); err != nil {
			return err
		}
		s.noteKept(now, kept, in)
		if err := s.mayBecome(ctx, tx, now, was); err != nil {
			return err
		}
		if err := updateSettings(ctx, tx, now); err != nil {
			return err
		}
		if now.Visibility != was {
			s.quota.Place(ctx, tx, now.RowID, now.OwnerID, now.Private())
		}
		return event.Append(ctx, tx, event.Event{RepoID: r.RowID, OwnerID: now.OwnerID, Kind: "repo.settings", ActorID: actor.UserID, Data: in, At: s.now()})
	})
	if err != nil {
		return nil, errs.Wrap("repo.SetSettings", err)
	}
	return s.settingsAnswer(now), nil
}

// mayBecome refuses to make a repository public where its owner has forbidden it. One that is public already may stay so.
func (s *Service) mayBecome(ctx context.Context, tx *db.Tx, r *Repo, was hub.Visibility) error {
	if r.Visibility == was {
		return nil
	}
	rules, err := s.rules(ctx, tx, r.OwnerID)
	if err == nil {
		_, err = rules.admit(r.Visibility, "")
	}
	return err
}

func (in Settings) changesAccess() bool {
	for _, name := range []string{"private", "visibility", "gated"} {
		if _, ok := in[name]; ok {
			return true
		}
	}
	return false
}

// settingsAnswer is the union of what the Hub and the Settings API answer, and no more: the Hub's schema is closed.
func (s *Service) settingsAnswer(r *Repo) Document {
	return Document{
		"success": true, "message": "Repository settings updated successfully",
		"private": r.Private(), "visibility": string(r.Visibility), "gated": gatedValue(r.Gated), "discussionsDisabled": r.NoDiscussions,
	}
}

// decode reads one member strictly; the message names it.
func decode[T any](raw json.RawMessage, name, want string) (v T, err error) {
	if json.Unmarshal(raw, &v) != nil {
		return v, errs.New(errs.Invalid, "%q must be %s", name, want)
	}
	return v, nil
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(raw), []byte("null")) }

func setPrivate(r *Repo, raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	private, err := decode[bool](raw, "private", "a boolean")
	if err != nil {
		return err
	}
	r.Visibility = hub.Public
	if private {
		r.Visibility = hub.Private
	}
	return nil
}

func setVisibility(r *Repo, raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	word, err := decode[string](raw, "visibility", "a string")
	if err != nil {
		return err
	}
	r.Visibility, err = ParseVisibility(word, r.Type)
	return err
}

// ParseVisibility reads public or private. The Hub's protected Spaces are refused in so many words: taking them for
// private or public would surprise their owner.
func ParseVisibility(word string, typ hub.RepoType) (hub.Visibility, error) {
	switch v := hub.Visibility(word); {
	case v == hub.Public, v == hub.Private:
		return v, nil
	case word == "protected" && typ == hub.Space:
		return "", errs.New(errs.Unprocessable, `The visibility "protected" is not supported by this hub; use "public" or "private"`)
	}
	return "", errs.New(errs.Invalid, `"visibility" must be one of [private, public]`)
}

func setGated(r *Repo, raw json.RawMessage) error {
	switch strings.TrimSpace(string(raw)) {
	case "false":
		r.Gated = ""
	case `"auto"`, `"manual"`:
		if r.Type == hub.Space {
			return errs.New(errs.Invalid, "A space cannot be gated")
		}
		r.Gated = strings.Trim(strings.TrimSpace(string(raw)), `"`)
	default:
		return errs.New(errs.Invalid, `"gated" must be one of [false, "auto", "manual"]`)
	}
	return nil
}

// gatedValue is the column in the words of the API.
func gatedValue(gated string) any {
	if gated == "" {
		return false
	}
	return gated
}

func setDiscussions(r *Repo, raw json.RawMessage) (err error) {
	off, err := decode[*bool](raw, "discussionsDisabled", "a boolean")
	if err == nil && off != nil {
		r.NoDiscussions = *off
	}
	return err
}

func setThreshold(r *Repo, raw json.RawMessage) (err error) {
	r.LFSThreshold, err = decode[*int64](raw, "lfs_threshold_bytes", "an integer or null")
	if err == nil && r.LFSThreshold != nil && *r.LFSThreshold < MinLFSThreshold {
		err = errs.New(errs.Invalid, `"lfs_threshold_bytes" must be at least %d (1 MB) or null`, MinLFSThreshold)
	}
	return err
}

func setKeepVersions(r *Repo, raw json.RawMessage) (err error) {
	r.LFSKeepVersions, err = decode[*int64](raw, "lfs_keep_versions", "an integer or null")
	if err == nil && r.LFSKeepVersions != nil && *r.LFSKeepVersions < MinLFSKeepVersions {
		err = errs.New(errs.Invalid, `"lfs_keep_versions" must be at least %d or null`, MinLFSKeepVersions)
	}
	return err
}

// noteKept writes down since when the repository keeps that many versions: what becomes superfluous by a new number is
// given up a grace period later, however long it was superfluous by an earlier one.
func (s *Service) noteKept(r *Repo, was *int64, in Settings) {
	_, said := in["lfs_keep_versions"]
	switch now := r.LFSKeepVersions; {
	case now == nil:
		r.LFSKeepSince = nil
	case said && (r.LFSKeepSince == nil || was == nil || *was != *now):
		at := s.now().UnixMicro()
		r.LFSKeepSince = &at
	}
}

func setSuffixes(r *Repo, raw json.RawMessage) error {
	list, err := decode[[]string](raw, "lfs_suffix_rules", "a list of strings or null")
	if err != nil {
		return err
	}
	r.LFSSuffixRules = nil
	if len(list) == 0 {
		return nil
	}
	if len(list) > maxSuffixRules {
		return errs.New(errs.Invalid, `"lfs_suffix_rules" may have at most %d entries`, maxSuffixRules)
	}
	for i, suffix := range list {
		if len(suffix) < 2 || len(suffix) > maxSuffix || suffix[0] != '.' || strings.ContainsAny(suffix, "/\\\x00\n\r") {
			return errs.New(errs.Invalid, `"lfs_suffix_rules" must be file endings that start with '.', not %q`, clip(suffix))
		}
		list[i] = strings.ToLower(suffix)
	}
	slices.Sort(list)
	b, err := json.Marshal(slices.Compact(list))
	text := string(b)
	r.LFSSuffixRules = &text
	return err
}
