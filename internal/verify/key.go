package verify

import (
	"context"
	"errors"
	"strings"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/signature"
)

// verify finds the keys of all claims, then judges each.
func (s *Service) verify(ctx context.Context, r *gitstore.Repo, claims []claim) ([]Result, error) {
	ring, err := s.ring(ctx, claims)
	if err != nil {
		return nil, err
	}
	out := make([]Result, len(claims))
	for i := range claims {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if out[i], err = s.judge(ctx, r, &claims[i], ring[claims[i].by()]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ring is the keys of users that may have made signatures, by what these call them.
func (s *Service) ring(ctx context.Context, claims []claim) (map[string][]account.SigningKey, error) {
	var ids, fingerprints []string
	seen := map[string]bool{"": true}
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
	}
	ring := map[string][]account.SigningKey{}
	for _, find := range []func() ([]account.SigningKey, error){
		func() ([]account.SigningKey, error) { return s.accounts.GPGSigners(ctx, ids) },
		func() ([]account.SigningKey, error) { return s.accounts.SSHSigners(ctx, fingerprints) },
	} {
		keys, err := find()
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			ring[k.Named] = append(ring[k.Named], k)
		}
	}
	return ring, nil
}

// judge takes the key of the author if there is one, else the first that fits: a signature by somebody else's key says
// whose.
func (s *Service) judge(ctx context.Context, r *gitstore.Repo, c *claim, keys []account.SigningKey) (Result, error) {
	if c.done != "" {
		return Result{Reason: c.done}, nil
	}
	best := Result{Reason: UnknownKey}
	for i := range keys {
		k := &keys[i]
		reason, err := s.outcome(ctx, r, c, k)
		if err != nil {
			return Result{}, err
		}
		signer := &Signer{User: k.User, Kind: signature.SSH, Fingerprint: k.Fingerprint}
		if c.pgp != nil {
			signer.Kind, signer.KeyID = signature.OpenPGP, c.pgp.KeyID
		}
		switch {
		case reason == Valid && k.Email != "" && strings.EqualFold(k.Email, c.email):
			return Result{Verified: true, Reason: Valid, Signer: signer}, nil
		case reason == Valid && best.Signer == nil:
			best = Result{Reason: BadEmail, Signer: signer}
		case best.Reason == UnknownKey:
			best = Result{Reason: reason}
		}
	}
	return best, nil
}

// outcome is what one key makes of one object, whoever's key it is.
func (s *Service) outcome(ctx context.Context, r *gitstore.Repo, c *claim, k *account.SigningKey) (Reason, error) {
	key := outcomeKey{r.ID(), c.oid, k.ID}
	if reason, ok := s.outcomes.Get(key); ok {
		return reason, nil
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
	} else if reason, err = s.pgpOutcome(c, k, payload); err != nil {
		return "", err
	}
	if reason != Bad && (c.pgp == nil || c.pgp.Expires.IsZero()) { // those depend on the time of day
		s.outcomes.Put(key, reason, outcomeWeight)
	}
	return reason, nil
}

func (s *Service) pgpOutcome(c *claim, k *account.SigningKey, payload []byte) (Reason, error) {
	key, ok := s.keys.Get(k.ID)
	if !ok {
		var err error
		if key, err = signature.ReadPGPKey(k.Armored); err != nil {
			return "", err // it was read when it was added
		}
		s.keys.Put(k.ID, key, int64(len(k.Armored))*2)
	}
	return reasonOf(key.Verify(c.pgp, payload, s.now())), nil
}
