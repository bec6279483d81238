package sshd

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// loginName is the user in git@host. Who somebody is, their key says.
const loginName = "git"

// What a connection's proof is, in ssh.Permissions.Extensions: the ids that account.Present takes.
const (
	userExt  = "cairn-user"
	proofExt = "cairn-proof"
)

// sourceAddress is the critical option of a certificate that says from where it counts.
const sourceAddress = "source-address"

const lookupTime = 10 * time.Second

func (s *Server) newConfig() *ssh.ServerConfig {
	safe := ssh.SupportedAlgorithms() // without those that are only there for old clients
	c := &ssh.ServerConfig{
		Config:            ssh.Config{KeyExchanges: safe.KeyExchanges, Ciphers: safe.Ciphers, MACs: safe.MACs},
		ServerVersion:     "SSH-2.0-Cairn",
		MaxAuthTries:      s.o.Limits.Tries,
		PublicKeyCallback: s.publicKey,
		PublicKeyAuthAlgorithms: []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256,
			ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512,
		},
	}
	return c
}

var errUnknownKey = errors.New("unknown key")

// publicKey says whether a key that a client offers would let it in. That the client has the private half, the library
// sees afterwards.
func (s *Server) publicKey(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if meta.User() != loginName {
		return nil, &ssh.BannerError{Err: errUnknownKey, Message: "The user name is git for everybody: git@host. Your key says who you are.\r\n"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	var actor hub.Actor
	var err error
	perms := &ssh.Permissions{}
	if cert, ok := key.(*ssh.Certificate); ok {
		actor, err = s.certificate(ctx, cert)
		perms.CriticalOptions = cert.CriticalOptions // the library holds the client to its source-address
	} else if err = account.CheckSSHKey(key); err == nil {
		actor, err = s.o.Accounts.AuthenticateSSHKey(ctx, ssh.FingerprintSHA256(key))
	}
	if err != nil {
		if errs.KindOf(err) == errs.Internal {
			s.o.Log.Error("ssh: a key could not be looked up", "error", err)
		}
		return nil, err
	}
	perms.Extensions = map[string]string{userExt: actor.UserID, proofExt: actor.TokenID}
	return perms, nil
}

// certificate finds the user of a certificate: it must be for one principal, beside git, who is the user's name on the
// hub. What it demands beyond an address to come from (source-address) is not offered here, so it is refused.
func (s *Server) certificate(ctx context.Context, cert *ssh.Certificate) (hub.Actor, error) {
	refuse := func(why string) (hub.Actor, error) {
		return hub.Actor{}, errs.New(errs.Unauthenticated, "the certificate %q %s", cert.KeyId, why)
	}
	name := ""
	for _, p := range cert.ValidPrincipals {
		if p == loginName {
			continue
		}
		if name != "" {
			return refuse("names more than one user")
		}
		name = p
	}
	if name == "" {
		return refuse("names no user")
	}
	if cert.CertType != ssh.UserCert {
		return refuse("is not one of a user")
	}
	if err := account.CheckSSHKey(cert.Key); err != nil {
		return hub.Actor{}, err
	}
	if !s.trusted(cert.SignatureKey) {
		return refuse("is signed by an authority that this hub does not know")
	}
	check := &ssh.CertChecker{SupportedCriticalOptions: []string{sourceAddress}}
	if err := check.CheckCert(name, cert); err != nil {
		return refuse("is refused: " + err.Error())
	}
	return s.o.Accounts.AuthenticateCertificate(ctx, name, int64(min(cert.ValidBefore, math.MaxInt64)))
}

func (s *Server) trusted(key ssh.PublicKey) bool {
	for _, a := range s.o.Authorities {
		if string(a.Marshal()) == string(key.Marshal()) {
			return true
		}
	}
	return false
}

// ParseAuthorities reads a file of public keys, one a line, with empty lines and comments (#) between them.
func ParseAuthorities(file []byte) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for len(file) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(file)
		if err != nil {
			if onlyComments(file) {
				break
			}
			return nil, errs.New(errs.Invalid, "after %d keys there is something else than a public key: write one key a line, as in a .pub file", len(keys))
		}
		if err := account.CheckSSHKey(key); err != nil {
			return nil, err
		}
		keys, file = append(keys, key), rest
	}
	if len(keys) == 0 {
		return nil, errs.New(errs.Invalid, "there is no public key in it")
	}
	return keys, nil
}

func onlyComments(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
