package account

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/errs"
)

const (
	minRSA    = 3072     // bits
	maxKeyLen = 16 << 10 // bytes of what somebody pastes
	newKey    = "Make one with: ssh-keygen -t ed25519"
)

// keyAlgorithms are the kinds of keys that are taken. Those that begin with sk- live in a security key.
var keyAlgorithms = map[string]bool{
	ssh.KeyAlgoED25519: true, ssh.KeyAlgoRSA: true,
	ssh.KeyAlgoECDSA256: true, ssh.KeyAlgoECDSA384: true, ssh.KeyAlgoECDSA521: true,
	ssh.KeyAlgoSKED25519: true, ssh.KeyAlgoSKECDSA256: true,
}

// parsePublicKey reads what somebody pastes: one line of a .pub file.
func parsePublicKey(text string) (key ssh.PublicKey, comment string, err error) {
	if len(text) > maxKeyLen {
		return nil, "", errs.New(errs.Invalid, "This is too long for a public key: paste the one line of your .pub file")
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil, "", errs.New(errs.Invalid, "The key is empty: paste the one line of your .pub file, such as ~/.ssh/id_ed25519.pub")
	}
	if err := refuseOtherFormats(text); err != nil {
		return nil, "", err
	}
	key, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	switch {
	case err != nil && (strings.HasPrefix(text, "ssh-dss") || strings.HasPrefix(text, "ssh-dsa")):
		return nil, "", errs.New(errs.Invalid, "DSA keys are broken and not accepted. %s", newKey)
	case err != nil && strings.HasPrefix(text, ssh.KeyAlgoRSA+" "): // the library bounds what checking a signature costs
		return nil, "", errs.New(errs.Invalid, "This RSA key is damaged, or has more than 16384 bits. %s", newKey)
	case err != nil:
		return nil, "", errs.New(errs.Invalid, "This is not a public SSH key: paste the one line of your .pub file, which begins with ssh-ed25519, ecdsa-sha2-… or ssh-rsa")
	case len(options) > 0:
		return nil, "", errs.New(errs.Invalid, "The key has options before it, which mean nothing here: paste the line of your .pub file instead")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, "", errs.New(errs.Invalid, "There is more than one line: add one key at a time")
	}
	return key, comment, CheckSSHKey(key)
}

// refuseOtherFormats tells apart what people paste by mistake.
func refuseOtherFormats(text string) error {
	switch {
	case strings.Contains(text, "PRIVATE KEY"), strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return errs.New(errs.Invalid, "This is a private key. It is yours alone: throw this pair away, since it was sent over a network, make a new one (ssh-keygen -t ed25519), and paste the line of its .pub file")
	case strings.Contains(text, "BEGIN SSH2 PUBLIC KEY"), strings.Contains(text, "BEGIN PUBLIC KEY"), strings.Contains(text, "BEGIN RSA PUBLIC KEY"):
		return errs.New(errs.Invalid, "The key is in another format than OpenSSH's: convert it with ssh-keygen -i -f FILE and paste the line that it prints")
	}
	return nil
}

// CheckSSHKey refuses keys whose kind or length is as good as none: nobody adds one, and no certificate may hold one.
func CheckSSHKey(key ssh.PublicKey) error {
	algorithm := key.Type()
	switch {
	case strings.Contains(algorithm, "-cert-"):
		return errs.New(errs.Invalid, "This is a certificate: paste the public key instead (the .pub file without -cert)")
	case strings.HasPrefix(algorithm, "ssh-ds"):
		return errs.New(errs.Invalid, "DSA keys are broken and not accepted. %s", newKey)
	case !keyAlgorithms[algorithm]:
		return errs.New(errs.Invalid, "Keys of the kind %.40s are not accepted: use ed25519, ecdsa, or rsa with at least %d bits. %s", algorithm, minRSA, newKey)
	}
	crypto, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil // in a security key
	}
	if k, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok {
		if bits := k.N.BitLen(); bits < minRSA {
			return errs.New(errs.Invalid, "This RSA key has %d bits, which is too short: at least %d are needed. %s", bits, minRSA, newKey)
		}
	}
	return nil
}

// keyText is a key as it is kept: algorithm and base64, without the comment.
func keyText(key ssh.PublicKey) string {
	return key.Type() + " " + base64.StdEncoding.EncodeToString(key.Marshal())
}
