package sshd

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"math/big"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/errs"
)

// HostKeys are made from keys of the hub, so that all nodes have the same and a restored hub is known again.
func HostKeys(ctx context.Context, secret func(ctx context.Context, name string) ([]byte, error)) ([]ssh.Signer, error) {
	seed, err := secret(ctx, "ssh-host-ed25519")
	if err != nil {
		return nil, err
	}
	first, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, errs.Wrap("sshd.HostKeys", err)
	}
	if seed, err = secret(ctx, "ssh-host-ecdsa"); err != nil {
		return nil, err
	}
	key, err := p256(seed)
	if err != nil {
		return nil, errs.Wrap("sshd.HostKeys", err)
	}
	second, err := ssh.NewSignerFromKey(key)
	return []ssh.Signer{first, second}, errs.Wrap("sshd.HostKeys", err)
}

// p256 derives an ECDSA key. More bits are drawn than the order of the curve has, so that the remainder is even (FIPS
// 186-5, A.2.1).
func p256(seed []byte) (*ecdsa.PrivateKey, error) {
	wide, err := hkdf.Key(sha256.New, seed, nil, "cairn ssh host key ecdsa p-256", 40)
	if err != nil {
		return nil, err
	}
	curve := elliptic.P256()
	one := big.NewInt(1)
	d := new(big.Int).SetBytes(wide)
	d.Mod(d, new(big.Int).Sub(curve.Params().N, one)).Add(d, one)
	return ecdsa.ParseRawPrivateKey(curve, d.FillBytes(make([]byte, 32)))
}
