package verify

import (
	"context"
	"errors"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lru"
	"github.com/cairnhub/cairn/internal/signature"
)

// Reason is why something is verified or not.
type Reason string

// The reasons.
const (
	Valid       Reason = "valid"
	Unsigned    Reason = "unsigned"
	UnknownKey  Reason = "unknown_key"   // nobody has given the key to the hub, or it was deleted
	Bad         Reason = "bad_signature" // it does not fit what it is said to sign
	ExpiredKey  Reason = "expired_key"   // when it signed
	RevokedKey  Reason = "revoked_key"
	BadEmail    Reason = "bad_email"   // the key's user has another address than the author
	Malformed   Reason = "malformed"   // it cannot be read
	Unsupported Reason = "unsupported" // of a kind or with a hash that is not taken
	Unchecked   Reason = "unchecked"   // so many objects were asked for at once that its key was one too many to read
)

// Result is what is said of one signature.
type Result struct {
	Verified bool
	Reason   Reason
	Signer   *Signer // nil: nobody is known by the key, or it is not proved
}

// Signer is whose key it is.
type Signer struct {
	User        string
	Kind        signature.Kind
	KeyID       string // of an OpenPGP key: the one that signed, 16 hex digits
	Fingerprint string // of an OpenPGP key: of the primary key
}

// Service verifies. It is safe for concurrent use.
type Service struct {
	accounts *account.Service
	now      func() time.Time
	keys     *lru.Cache[string, *signature.PGPKey] // by the id of the key's row
	outcomes *lru.Cache[outcomeKey, Reason]
}

type outcomeKey struct {
	repo string
	oid  hub.OID
	key  string // the id of the key's row
}

const (
	keyBytes      = 4 << 20
	outcomeBytes  = 4 << 20
	outcomeWeight = 160
)

// New makes a service that knows the keys of the accounts.
func New(accounts *account.Service) *Service {
	return &Service{accounts: accounts, now: accounts.Now,
		keys: lru.New[string, *signature.PGPKey](keyBytes), outcomes: lru.New[outcomeKey, Reason](outcomeBytes)}
}

// claim is one object with the signature that it bears.
type claim struct {
	oid   hub.OID
	kind  git.Kind
	email string // of the author or the tagger
	pgp   *signature.PGPSignature
	ssh   *signature.SSHSignature
	done  Reason               // why there is nothing to verify
	keys  []account.SigningKey // that may have made it, the author's first
}

// Commits verifies commits of a repository, in the same order. It asks for keys three times at most, however many
// commits there are.
func (s *Service) Commits(ctx context.Context, r *gitstore.Repo, commits []gitstore.CommitInfo) ([]Result, error) {
	claims := make([]claim, len(commits))
	for i, c := range commits {
		claims[i] = claim{oid: c.OID, kind: git.KindCommit, email: c.Commit.Author.Email}
		claims[i].read([]byte(c.Commit.GPGSig()))
	}
	return s.verify(ctx, r, claims)
}

// maxTags bounds the tags that are verified at once.
const maxTags = 1000

// Tags verifies those of some objects that are annotated tags of a repository; the others are left out.
func (s *Service) Tags(ctx context.Context, r *gitstore.Repo, oids []hub.OID) (map[hub.OID]Result, error) {
	var claims []claim
	for _, oid := range oids {
		if kind, _ := r.Kind(oid); kind != git.KindTag {
			continue
		}
		if len(claims) == maxTags {
			return nil, errs.New(errs.Unprocessable, "There are more than %d annotated tags; list them without expand=verification.", maxTags)
		}
		raw, err := r.Raw(ctx, oid, git.KindTag)
		if err != nil {
			return nil, err
		}
		t, err := git.ParseTag(raw)
		if err != nil {
			continue
		}
		c := claim{oid: oid, kind: git.KindTag, email: t.Tagger.Email}
		if signed := signature.OfTag(raw); signed == nil {
			c.done = Unsigned
		} else {
			c.read(signed.Armor)
		}
		claims = append(claims, c)
	}
	results, err := s.verify(ctx, r, claims)
	out := make(map[hub.OID]Result, len(results))
	for i := range results {
		out[claims[i].oid] = results[i]
	}
	return out, err
}

// read parses a signature, or says why not.
func (c *claim) read(armor []byte) {
	if len(armor) == 0 {
		c.done = Unsigned
		return
	}
	var err error
	switch signature.KindOf(armor) {
	case signature.OpenPGP:
		c.pgp, err = signature.ParsePGP(armor)
	case signature.SSH:
		c.ssh, err = signature.ParseSSH(armor)
	case signature.SMIME:
		err = signature.ErrUnsupported
	default:
		err = signature.ErrMalformed
	}
	if err != nil {
		c.done = reasonOf(err)
	}
}

func reasonOf(err error) Reason {
	switch {
	case err == nil:
		return Valid
	case errors.Is(err, signature.ErrExpired):
		return ExpiredKey
	case errors.Is(err, signature.ErrRevoked):
		return RevokedKey
	case errors.Is(err, signature.ErrUnsupported):
		return Unsupported
	case errors.Is(err, signature.ErrBad):
		return Bad
	}
	return Malformed
}

// by is what the key is asked for by.
func (c *claim) by() string {
	switch {
	case c.done != "":
		return ""
	case c.pgp != nil:
		return c.pgp.KeyID
	}
	return c.ssh.Fingerprint()
}

// payload is what the object says without its signature.
func (c *claim) payload(ctx context.Context, r *gitstore.Repo) ([]byte, error) {
	raw, err := r.Raw(ctx, c.oid, c.kind)
	if err != nil {
		return nil, err
	}
	if c.kind == git.KindTag {
		return signature.OfTag(raw).Payload, nil
	}
	signed, err := signature.OfCommit(raw)
	if err != nil {
		return nil, err
	}
	if signed == nil {
		return nil, errs.New(errs.Internal, "a commit lost its signature")
	}
	return signed.Payload, nil
}
