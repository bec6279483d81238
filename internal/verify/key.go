package verify

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/signature"
)

// maxTries bounds the holders of a key whose forms of it are tried on one signature.
const maxTries = 4

// maxRead bounds the OpenPGP keys that are read for one answer, in bytes of armour. What is parsed takes several times that.
const maxRead = 4 << 20

// verify finds the keys of all claims, then judges each.
func (s *Service) verify(ctx context.Context, r *gitstore.Repo, claims []claim) ([]Result, error) {
	holders, err := s.holders(ctx, claims)
	if err != nil {
		return nil, err
	}
	for i := range claims {
		claims[i].keys = claims[i].choose(holders[claims[i].by()])
	}
	parsed, err := s.parsed(ctx, r, claims)
	if err != nil {
		return nil, err
	}
	out := make([]Result, len(claims))
	for i := range claims {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if out[i], err = s.judge(ctx, r, &claims[i], parsed); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// holders are the keys of users that may have made signatures, by what these call them.
func (s *Service) holders(ctx context.Context, claims []claim) (map[string][]account.SigningKey, error) {
	var ids, fingerprints, emails []string
	seen, asked := map[string]bool{"": true}, map[string]bool{}
	for i := range claims {
		by := claims[i].by()
		switch {
		case seen[by]:
		case claims[i].pgp != nil:
			ids = append(ids, by)
		default:
			fingerprints = append(fingerprints, by)
		}
		seen[by] = true
		if e := claims[i].email; claims[i].pgp != nil && !asked[e] {
			asked[e], emails = true, append(emails, e)
		}
	}
	gpg, err := s.accounts.GPGSigners(ctx, ids, emails)
	if err != nil {
		return nil, err
	}
	ssh, err := s.accounts.SSHSigners(ctx, fingerprints)
	if err != nil {
		return nil, err
	}
	holders := map[string][]account.SigningKey{}
	for _, k := range append(gpg, ssh...) {
		holders[k.Named] = append(holders[k.Named], k)
	}
	return holders, nil
}

// choose takes the key of the author, if there is one, and the first of the others.
func (c *claim) choose(holders []account.SigningKey) []account.SigningKey {
	keys := slices.Clone(holders)
	slices.SortStableFunc(keys, func(a, b account.SigningKey) int {
		switch mine, other := c.authors(&a), c.authors(&b); {
		case mine && !other:
			return -1
		case other && !mine:
			return 1
		}
		return 0
	})
	return keys[:min(len(keys), maxTries)]
}

func (c *claim) authors(k *account.SigningKey) bool {
	return k.Email != "" && strings.EqualFold(k.Email, c.email)
}

// parsed is the OpenPGP keys that claims need, by the ids of their rows, each read once. A nil key is one too many; one that
// is missing was deleted meanwhile.
func (s *Service) parsed(ctx context.Context, r *gitstore.Repo, claims []claim) (map[string]*signature.PGPKey, error) {
	keys := map[string]*signature.PGPKey{}
	var want []string
	var size int64
	for i := range claims {
		for j := range claims[i].keys {
			k := &claims[i].keys[j]
			_, seen := keys[k.ID]
			if _, known := s.outcomes.Get(outcomeKey{r.ID(), claims[i].oid, k.ID}); known || seen || claims[i].pgp == nil {
				continue
			}
			keys[k.ID] = nil
			if size += k.Size; size > maxRead {
				continue
			}
			if key, kept := s.keys.Get(k.ID); kept {
				keys[k.ID] = key
			} else {
				want = append(want, k.ID)
			}
		}
	}
	return keys, s.read(ctx, keys, want)
}

func (s *Service) read(ctx context.Context, keys map[string]*signature.PGPKey, want []string) error {
	armor, err := s.accounts.GPGArmor(ctx, want)
	if err != nil {
		return err
	}
	for _, id := range want {
		text, there := armor[id]
		if !there {
			delete(keys, id)
			continue
		}
		if keys[id], err = signature.ReadPGPKey(text); err != nil {
			return err // it was read when it was added
		}
		s.keys.Put(id, keys[id], int64(len(text))*2)
	}
	return nil
}

// judge takes the key of the author if there is one, else the first that fits: a signature by somebody else's key says
// whose.
func (s *Service) judge(ctx context.Context, r *gitstore.Repo, c *claim, parsed map[string]*signature.PGPKey) (Result, error) {
	if c.done != "" {
		return Result{Reason: c.done}, nil
	}
	best := Result{Reason: UnknownKey}
	for i := range c.keys {
		k := &c.keys[i]
		reason, err := s.outcome(ctx, r, c, k, parsed)
		if err != nil {
			return Result{}, err
		}
		signer := &Signer{User: k.User, Kind: signature.SSH, Fingerprint: k.Fingerprint}
		if c.pgp != nil {
			signer.Kind, signer.KeyID = signature.OpenPGP, c.pgp.KeyID
		}
		switch {
		case reason == Valid && c.authors(k):
			return Result{Verified: true, Reason: Valid, Signer: signer}, nil
		case reason == Valid && best.Signer == nil:
			best = Result{Reason: BadEmail, Signer: signer}
		case reason == Unchecked && best.Signer == nil:
			return Result{Reason: Unchecked}, nil // what the next would say may be wrong
		case best.Reason == UnknownKey:
			best = Result{Reason: reason}
		}
	}
	return best, nil
}

// outcome is what one key makes of one object, whoever's key it is.
func (s *Service) outcome(ctx context.Context, r *gitstore.Repo, c *claim, k *account.SigningKey, parsed map[string]*signature.PGPKey) (Reason, error) {
	key := outcomeKey{r.ID(), c.oid, k.ID}
	if reason, ok := s.outcomes.Get(key); ok {
		return reason, nil
	}
	pgp, there := parsed[k.ID]
	switch {
	case c.pgp != nil && !there:
		return UnknownKey, nil
	case c.pgp != nil && pgp == nil:
		return Unchecked, nil
	}
	payload, err := c.payload(ctx, r)
	if errors.Is(err, signature.ErrMalformed) {
		return Malformed, nil
	}
	if err != nil {
		return "", err
	}
	var reason Reason
	if c.ssh != nil {
		reason = reasonOf(c.ssh.Verify(payload))
	} else {
		reason = reasonOf(pgp.Verify(c.pgp, payload, s.now()))
	}
	if reason != Bad && (c.pgp == nil || c.pgp.Expires.IsZero()) { // those depend on the time of day
		s.outcomes.Put(key, reason, outcomeWeight)
	}
	return reason, nil
}
