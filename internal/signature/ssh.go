package signature

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// SSHSignature is a signature as ssh-keygen -Y sign makes it (OpenSSH, PROTOCOL.sshsig). It carries its key.
type SSHSignature struct {
	Key  ssh.PublicKey
	hash string
	sig  ssh.Signature
}

const (
	sshMagic     = "SSHSIG"
	sshVersion   = 1
	sshNamespace = "git"
)

// sshBlob is what stands behind the magic.
type sshBlob struct {
	Version                       uint32
	PublicKey                     []byte
	Namespace, Reserved, HashName string
	Signature                     []byte
}

// ParseSSH reads a signature's armour. Signatures that were made for something else than git are ErrMalformed.
func ParseSSH(armor []byte) (*SSHSignature, error) {
	if len(armor) > maxArmor {
		return nil, ErrMalformed
	}
	block, rest := pem.Decode(armor)
	if block == nil || block.Type != "SSH SIGNATURE" || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, ErrMalformed
	}
	raw, ok := bytes.CutPrefix(block.Bytes, []byte(sshMagic))
	if !ok {
		return nil, ErrMalformed
	}
	var b sshBlob
	if err := ssh.Unmarshal(raw, &b); err != nil || b.Version != sshVersion || b.Namespace != sshNamespace {
		return nil, ErrMalformed
	}
	s := &SSHSignature{hash: b.HashName}
	var err error
	if s.Key, err = ssh.ParsePublicKey(b.PublicKey); err != nil {
		return nil, fmt.Errorf("%w: its key: %w", ErrMalformed, err)
	}
	if err := ssh.Unmarshal(b.Signature, &s.sig); err != nil {
		return nil, ErrMalformed
	}
	return s, nil
}

// Fingerprint is that of the key, as ssh-keygen -l prints it.
func (s *SSHSignature) Fingerprint() string { return ssh.FingerprintSHA256(s.Key) }

// Verify checks that the key signed the payload.
func (s *SSHSignature) Verify(payload []byte) error {
	sum, err := s.sum(payload)
	if err != nil {
		return err
	}
	if f := s.sig.Format; f == ssh.KeyAlgoRSA || f == "ssh-dss" { // made with SHA-1, which the protocol forbids
		return ErrUnsupported
	}
	signed := append([]byte(sshMagic), ssh.Marshal(struct{ Namespace, Reserved, HashName, Hash string }{
		sshNamespace, "", s.hash, string(sum)})...)
	if err := s.Key.Verify(signed, &s.sig); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	return nil
}

func (s *SSHSignature) sum(payload []byte) ([]byte, error) {
	switch s.hash {
	case "sha256":
		h := sha256.Sum256(payload)
		return h[:], nil
	case "sha512":
		h := sha512.Sum512(payload)
		return h[:], nil
	}
	return nil, ErrUnsupported
}
