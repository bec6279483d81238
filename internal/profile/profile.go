package profile

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// The bounds of texts, in characters, and of an address, in bytes.
const (
	maxBio         = 1000
	maxDescription = 300
	maxWebsite     = 300
	maxText        = 4 * maxBio // bytes
)

// Profile is what somebody says of themselves. What is not said is empty.
type Profile struct {
	Description string // of an organisation
	Bio         string
	Website     string
	Socials     Socials
	Picture     string // of the picture's JPEG, hex SHA-256; empty: it has none of its own
}

type profileRow struct {
	Description string
	Bio         string
	Website     string
	Socials     string
	Picture     string
}

func (r profileRow) profile() (Profile, error) {
	p := Profile{Description: r.Description, Bio: r.Bio, Website: r.Website, Picture: r.Picture}
	err := json.Unmarshal([]byte(r.Socials), &p.Socials)
	return p, err
}

// Get reads the profile of a user or organisation. Who never said anything has an empty one.
func (s *Service) Get(ctx context.Context, ownerID string) (Profile, error) {
	p, err := get(ctx, s.db, ownerID)
	return p, errs.Wrap("profile.Get", err)
}

func get(ctx context.Context, q db.Queryer, ownerID string) (Profile, error) {
	var row profileRow
	err := q.Get(ctx, &row, getProfile, ownerID)
	if db.IsNoRows(err) {
		return Profile{}, nil
	}
	if err != nil {
		return Profile{}, err
	}
	return row.profile()
}

// Settings are members of a request to change a profile, as they came. What is not there stays as it is; null and the
// empty text take away.
type Settings map[string]json.RawMessage

// fullName is the one member that is not kept here.
const fullName = "full_name"

// setters are the members, for users and for organisations.
var setters = map[account.Kind]map[string]func(*Profile, json.RawMessage) error{
	account.KindUser: {"bio": setBio, "website": setWebsite, "social_media": setSocials},
	account.KindOrg:  {"bio": setBio, "website": setWebsite, "social_media": setSocials, "description": setDescription},
}

// Set changes the profile of an owner. The full name is a user's member only.
func (s *Service) Set(ctx context.Context, o account.Owner, in Settings) error {
	if err := in.Check(o.Kind); err != nil || len(in) == 0 {
		return err
	}
	return errs.Wrap("profile.Set", s.db.Tx(ctx, func(tx *db.Tx) error {
		p, err := get(ctx, tx, o.ID)
		if err != nil {
			return err
		}
		for name, raw := range in {
			if err := s.apply(ctx, tx, o, &p, name, raw); err != nil {
				return err
			}
		}
		socials, err := json.Marshal(p.Socials)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, putProfile, o.ID, p.Description, p.Bio, p.Website, string(socials), s.now()); err != nil {
			return err
		}
		return s.record(ctx, tx, "profile", o, map[string]any{"name": o.Name, "changed": slices.Sorted(maps.Keys(in))})
	}))
}

func (s *Service) apply(ctx context.Context, tx *db.Tx, o account.Owner, p *Profile, name string, raw json.RawMessage) error {
	if name != fullName {
		return setters[o.Kind][name](p, raw)
	}
	text, err := textOf(raw, fullName)
	if err != nil {
		return err
	}
	return s.d.SetFullname(ctx, tx, o.ID, text)
}

// Take gives a text that is kept elsewhere and has Set go without it.
func (in Settings) Take(name string) (string, error) {
	text, err := textOf(in[name], name)
	delete(in, name)
	return text, err
}

// Check refuses members that are no settings and values that none may have, before anything is changed.
func (in Settings) Check(kind account.Kind) error {
	if err := in.known(kind); err != nil {
		return err
	}
	for name, raw := range in {
		set := setters[kind][name]
		if set == nil {
			set = func(_ *Profile, raw json.RawMessage) error { _, err := textOf(raw, name); return err }
		}
		if err := set(&Profile{}, raw); err != nil {
			return err
		}
	}
	return nil
}

func (in Settings) known(kind account.Kind) error {
	known := slices.Collect(maps.Keys(setters[kind]))
	if kind == account.KindUser {
		known = append(known, fullName, "email", "password")
	}
	slices.Sort(known)
	for name := range in {
		if !slices.Contains(known, name) {
			return errs.New(errs.Invalid, "Unknown setting %q: a profile has %s", clip(name), strings.Join(known, ", "))
		}
	}
	return nil
}

func setBio(p *Profile, raw json.RawMessage) (err error) {
	p.Bio, err = longText(raw, "bio", maxBio)
	return err
}

func setDescription(p *Profile, raw json.RawMessage) (err error) {
	p.Description, err = longText(raw, "description", maxDescription)
	return err
}

// setWebsite takes addresses of the web alone: pages make links of them.
func setWebsite(p *Profile, raw json.RawMessage) error {
	text, err := textOf(raw, "website")
	if err != nil || text == "" {
		p.Website = ""
		return err
	}
	u, err := url.Parse(text)
	bad := err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil
	if bad || len(text) > maxWebsite || strings.ContainsFunc(text, isSpace) || strings.ContainsAny(text, "<>\"'`\\") {
		return errs.New(errs.Invalid, `"website" must be an address that starts with http:// or https://, of at most %d characters`, maxWebsite)
	}
	p.Website = u.String()
	return nil
}

func isSpace(c rune) bool { return c <= ' ' || c == 0x7f || c == 0xa0 || c == 0x2028 || c == 0x2029 }

// longText is a text of several lines.
func longText(raw json.RawMessage, member string, most int) (string, error) {
	text, err := textOf(raw, member)
	if err != nil {
		return "", err
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	control := strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f })
	if utf8.RuneCountInString(text) > most || control {
		return "", errs.New(errs.Invalid, "%q must have at most %d characters and no control characters", member, most)
	}
	return text, nil
}

// textOf decodes a text or null.
func textOf(raw json.RawMessage, member string) (string, error) {
	var text *string
	if json.Unmarshal(raw, &text) != nil {
		return "", errs.New(errs.Invalid, "%q must be a text or null", member)
	}
	if text == nil {
		return "", nil
	}
	if len(*text) > maxText || !db.IsText(*text) {
		return "", errs.New(errs.Invalid, "%q must be UTF-8 without NUL, of at most %d bytes", member, maxText)
	}
	return strings.TrimSpace(*text), nil
}

// clip keeps a caller's text in a message short.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
